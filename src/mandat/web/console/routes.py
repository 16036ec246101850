"""The exact routes of the console, for the gateway. Imports no web framework: gateway processes read this."""

from mandat.web.console.files import CONSOLE_FILES

CONSOLE_ROUTES = ["/console", "/console/", *CONSOLE_FILES]
"""All of them are read only."""
