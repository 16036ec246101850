"""A request that no page can work with: refused before any page looks at it, and answered with an error page."""


class PageRefusal(Exception):
    """Answer with an error page. What a use case refuses is a value and never this.

    Args:
        status: the HTTP status, 400 to 503.
        message: what is wrong, safe to show; names the field where there is one.
        retry_after_seconds: set where waiting helps.
    """

    def __init__(self, status: int, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_seconds = retry_after_seconds
