"""Who is calling, as the gateway established it. Believed because nobody but a gateway can reach the socket."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

from mandat.authority.service import Authority
from mandat.protocol import headers as names
from mandat.protocol.refusals import Reason
from mandat.web.api.refusal import ApiRefusal
from mandat.web.settings import caller_address

MAX_ID = 2**63 - 1
MAX_ID_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Caller:
    """A permitted call: the account it acts for, the application that made it, the credential it used, from where."""

    account: str
    application_id: int
    credential_id: int
    address: str

    async def actor(self, authority: Authority) -> str:
        """How the audit names the application."""
        application = await authority.applications.find(None, self.application_id)
        return f"application:{application.key if application is not None else self.application_id}"


def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """The caller of a signed operation.

    Raises:
        ApiRefusal: the request bears no identity, so it was never judged.
    """
    headers = request.headers
    account = headers.get(names.ACCOUNT, "")
    application_id = _id(headers.get(names.APPLICATION_ID, ""))
    credential_id = _id(headers.get(names.CREDENTIAL_ID, ""))
    if not account or application_id is None or credential_id is None:
        raise ApiRefusal(Reason.MISSING_CREDENTIAL)
    return Caller(account, application_id, credential_id, caller_address(headers))


def _id(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
