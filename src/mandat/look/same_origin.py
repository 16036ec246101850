"""Did one of our own pages send this form? The first of the two checks on every POST; the form token is the other."""


def is_same_origin(*, origin: str | None, fetch_site: str | None, own_origin: str) -> bool:
    """True when the browser says that the request comes from a page of `own_origin`.

    Args:
        origin: the `Origin` header, or None. Decides whenever it names an origin.
        fetch_site: the `Sec-Fetch-Site` header, or None. Decides when `Origin` is absent or `null`.
        own_origin: scheme, host and port the request was sent to, `https://auth.example`, as the gateway found it.
    """
    if origin is not None and origin != "null":
        return origin == own_origin
    return fetch_site == "same-origin"
