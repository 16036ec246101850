"""How a page handler says its path and method."""

from collections.abc import Callable
from typing import Any

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

Handler = Callable[..., Any]


def read(*paths: str) -> Callable[[Handler], HTTPRouteHandler]:
    """A handler of GET; `web.application` answers HEAD from it. It changes nothing."""
    return get(list(paths), include_in_schema=False)


def write(path: str) -> Callable[[Handler], HTTPRouteHandler]:
    """A handler of POST. It first takes `await page.form()`, which refuses foreign origins."""
    return post(path, include_in_schema=False)
