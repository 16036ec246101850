"""The door for other people's proxies: nginx, Caddy, Traefik and Envoy ask here whether a call may pass.

`styles` reads the call that a proxy asks about, `door` has it decided and answers. Printing a proxy's configuration is
the work of `mandat.server.deployment`. Source: design.md 2, docs/guide/forward-auth.md.
"""
