"""The exact routes of the pages, for the gateway: it lets these through without a signature, and nothing else.

tests/web/pages/test_routes.py keeps this list and the handlers equal.
"""

from mandat.look.static import STATIC_FILES
from mandat.web.console.routes import CONSOLE_ROUTES

_READ = [
    "/",
    "/signup",
    "/login",
    "/account",
    "/account/applications",
    "/account/applications/revoke",
    "/developer/applications",
    "/developer/applications/change",
    "/developer/applications/secrets",
    "/createApp",
    "/createApp/",
    "/api/createApp",
    "/api/createApp/",
    "/createToken",
    "/createToken/",
    "/createToken/index.cgi",
    "/api/createToken",
    "/api/createToken/",
    "/auth",
    "/auth/",
    "/favicon.ico",
    *STATIC_FILES,
    *CONSOLE_ROUTES,
]
_WRITE = [
    "/signup",
    "/login",
    "/logout",
    "/account/password",
    "/account/sessions",
    "/account/applications/revoke",
    "/developer/applications/change",
    "/developer/applications/secrets",
    "/createApp/",
    "/createToken/",
    "/auth/",
]

PAGE_ROUTES: list[tuple[str, str]] = [
    *(("GET", path) for path in _READ),
    *(("HEAD", path) for path in _READ),
    *(("POST", path) for path in _WRITE),
]
"""(method, path) of every page and static file."""
