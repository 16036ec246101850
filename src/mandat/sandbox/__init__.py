"""The sandbox provider: an OVHcloud-shaped API with real effects on one machine (design.md 11).

Its rooms: `api` (one table of operations: routes, checks, handlers, description documents), `store` (one SQLite file),
`dns` (a real DNS server for the refreshed zones). A further product (`cloud`, `vps`) is a further section of the table
in `api/operations.py` with its models and handlers beside it; nothing else changes.

The sandbox stands outside the trust boundary: it believes only assertions that the gateway signed.
"""
