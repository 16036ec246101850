"""The door that applications come through: HTTP in, the decision, HTTP out (design.md 8).

`run` starts a worker. `client_connection` reads requests, `dispatch` has them decided, `exchange` answers them;
`upstream_pool` and `upstream_connection` speak to the servers behind. `framing`, `answer_framing`, `headers`, `caller`,
`routes` and `answers` are pure and hold the rules.
"""
