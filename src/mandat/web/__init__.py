"""The authority over HTTP: its part of the API, its pages, the description documents. Nothing about rights is decided here."""
