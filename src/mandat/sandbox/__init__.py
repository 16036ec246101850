"""The sandbox provider: an OVHcloud-shaped API with real effects on one machine (design.md 11).

Its rooms: `serving` (from a call on the wire to its answer), `api` (the one table of operations: routes, checks,
description documents), `domain`, `cloud` and `vps` (the products: each a section of the table with its models and
handlers), `tasks` (what happens later), `store` (one SQLite file), `dns` (a real DNS server for the refreshed zones),
`instances` (isolated web servers on loopback addresses), `operating` (what is done to its data from outside). `effects`
is what happens outside the database.

The sandbox stands outside the trust boundary: it believes only assertions that the gateway signed.
"""
