"""Stacks: Arazzo documents in a closed profile, compiled into plain values, and the rights that follow from them.

Pure: no network, no clock, no database. A document that is not understood whole is refused; nothing in it is ever
executed as code. Source: Arazzo 1.0.1 (OpenAPI Initiative); the profile is written down in docs/guide/stacks.md.
"""
