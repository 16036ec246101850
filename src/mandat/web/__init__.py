"""The authority over HTTP: its part of the API, its pages, the description documents.

From here no right can be widened: what may be done is decided by `mandat.authority`, who is calling by the gateway.
"""
