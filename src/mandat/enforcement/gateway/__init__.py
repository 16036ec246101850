"""The door that applications come through: HTTP in, the decision, HTTP out (design.md 8).

`run` starts a worker and `stopping` ends it; `door` is what a worker's connections share. The folder `client` reads
requests, has them decided and answers them; `upstream` speaks to the servers behind. `framing`, `headers`, `caller`,
`routes` and `answers` are pure and hold the rules.
"""
