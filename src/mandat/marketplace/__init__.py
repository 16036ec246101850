"""The reference marketplace: an ordinary application that installs stacks on customers' accounts.

It knows the provider only through `mandat.client`, and works against any endpoint that speaks the wire. Rooms:
`stacks` (what can be installed; pure), `store` (its own database), `installs` (doing it, durably), `pages` (what people
see).
Nothing here decides about rights: it asks for them, and refuses to send what it did not ask for. Source: design.md 10.
"""
