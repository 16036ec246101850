"""The authority's part of the API: `/auth/*`, `/me/api/*` and the description documents, in the wire's own shape.

Decides: how a body, a query or a path is read, and how an answer or a refusal is written. Leaves to others: whether the
call was allowed (the gateway judged it before), what it does (`mandat.authority`). Source: wire.md 1, 2, 5 and 7.

The application listens on a unix socket that only the gateways can reach: that is why `X-Mandat-*` headers are
believed.
"""
