"""Taking a form: nothing of it is read before it is certain that one of our own pages sent it.

The two checks of every POST meet here: the origin, and the token that the form was shown with. Source: design.md 7.
"""

import re
from collections.abc import AsyncIterable, Mapping

from mandat.look.form_token import FormTokens
from mandat.look.refusal import PageRefusal
from mandat.look.same_origin import is_same_origin
from mandat.look.words import gettext as _

_FORM_TYPE = re.compile(r"application/x-www-form-urlencoded(?:\s*;\s*charset\s*=\s*\"?utf-8\"?)?", re.IGNORECASE)
_FORM_NUMBER = re.compile(r"[0-9a-f]{32}")


async def read_form_body(
    headers: Mapping[str, str], chunks: AsyncIterable[bytes], *, own_origin: str, max_bytes: int
) -> bytes:
    """The encoded form, for `parse_fields`.

    Args:
        headers: of the request, by names in lower case.
        chunks: its body.
        own_origin: as for `is_same_origin`.
        max_bytes: the largest body taken.

    Raises:
        PageRefusal: 403 for a foreign origin, 400 for another content type, 413 for a larger body.
    """
    if not is_same_origin(
        origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site"), own_origin=own_origin
    ):
        raise PageRefusal(403, _("This form was not sent from one of our own pages."))
    if _FORM_TYPE.fullmatch(headers.get("content-type", "").strip()) is None:
        raise PageRefusal(400, _("The content type must be application/x-www-form-urlencoded."))
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise PageRefusal(413, _("This form is too large."))
    return body


def require_form_token(tokens: FormTokens, token: str, *parts: str) -> None:
    """Raises PageRefusal (403) when `token` was not made for exactly these parts."""
    if not tokens.check(token, *parts):
        raise PageRefusal(
            403,
            _(
                "This form is no longer valid: you may have logged in or out since it was shown, or your browser"
                " does not keep our cookies. Open the page again and send it once more."
            ),
        )


def read_form_number(cookie: str) -> str:
    """The number that binds the forms of somebody who is not logged in; "" when `cookie` holds none of ours."""
    return cookie if _FORM_NUMBER.fullmatch(cookie) else ""
