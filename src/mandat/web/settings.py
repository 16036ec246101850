"""What the authority's web application has to be told, and where its pages are for a given request."""

from collections.abc import Mapping
from dataclasses import dataclass

from mandat.look.form_token import FormSecrets
from mandat.protocol.headers import CALLER_ADDRESS, PUBLIC_ORIGIN


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How the authority is reached from outside.

    Args:
        public_origins: the origins clients know the gateway by (`http://127.0.0.1:8700`), the main one first; at least
            one.
        form_secret: at least 32 bytes, for form tokens; not looked at where `form_secrets` are given.
        form_secrets: gives those of the moment, where they may be replaced, see `look.form_token.FormTokens`.
        pages_url: the origin of the pages when they live on a host of their own.
        max_body_bytes: larger bodies are refused; the gateway has the same limit.
        product_name: what the pages call the system.
        marketplace_url: an address to offer to customers on the start page.
    """

    public_origins: tuple[str, ...]
    form_secret: bytes = b""
    form_secrets: FormSecrets | None = None
    pages_url: str | None = None
    max_body_bytes: int = 1_048_576
    product_name: str = "Mandat"
    marketplace_url: str | None = None

    def api_origin(self, headers: Mapping[str, str]) -> str:
        """The origin this request was sent to, as the gateway found it; the main one when it could not tell."""
        return (headers.get(PUBLIC_ORIGIN) or self.public_origins[0]).rstrip("/")

    def pages_origin(self, headers: Mapping[str, str]) -> str:
        """The origin the pages have for this caller."""
        return (self.pages_url or self.api_origin(headers)).rstrip("/")


def caller_address(headers: Mapping[str, str]) -> str:
    """The caller's address, as the gateway found it; "" when the request did not come through a gateway."""
    return headers.get(CALLER_ADDRESS, "")
