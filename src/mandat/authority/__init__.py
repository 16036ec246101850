"""The authority: what people and applications may ask of it, one file per flow, and the interfaces it needs.

Here: logging in, registering an application, asking for rights, answering, taking back, and saying rights in words.
Not here: how anything is stored (`mandat.storage`), shown or routed (`mandat.web`), and whether a call may pass
(`mandat.core.decision`). Flows take time and randomness as arguments; what they refuse is a `Fault`, not an exception.
"""
