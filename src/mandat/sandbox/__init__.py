"""The sandbox provider: an OVHcloud-shaped API with real effects on one machine (design.md 11).

Its rooms: `api` (the one table of operations: routes, checks, description documents), `domain`, `cloud` and `vps` (the
products: each a section of the table with its models and handlers), `store` (one SQLite file), `dns` (a real DNS server
for the refreshed zones), `instances` (isolated web servers on loopback addresses). `tasks` is what happens later,
`effects` what happens outside the database, `fault_switch` what is made to go wrong.

The sandbox stands outside the trust boundary: it believes only assertions that the gateway signed.
"""
