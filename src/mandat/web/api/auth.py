"""`/auth/*` but for the time, which the gateway tells itself. Source: wire.md 1."""

from litestar import Response, get, post

from mandat.authority.fault import Fault
from mandat.authority.service import Authority
from mandat.authority.values import Credential
from mandat.protocol.headers import APPLICATION
from mandat.protocol.messages import (
    FieldFault,
    details_fields,
    parse_permission_request,
    permission_answer_fields,
)
from mandat.protocol.refusals import Reason
from mandat.web.api.caller import Caller
from mandat.web.api.fields import shown_credential
from mandat.web.api.given import Asked, By, Flows, Reached
from mandat.web.api.reading import read_json
from mandat.web.api.refusal import ApiRefusal, answer, bad_parameter, refusal_of
from mandat.web.settings import caller_address


@post("/auth/credential", status_code=200)
async def ask(request: Asked, authority: Flows, settings: Reached) -> Response[bytes]:
    """`POST /auth/credential`: open, but an application has to say who it is. Other X-Ovh headers are ignored."""
    application_key = _application_key(request)
    message = parse_permission_request(await read_json(request))
    if isinstance(message, FieldFault):
        raise bad_parameter(message.field, message.message)
    issued = await authority.permission.ask(application_key, message, address=caller_address(request.headers))
    if isinstance(issued, Fault):
        raise refusal_of(issued)
    validation_url = f"{settings.pages_origin(request.headers)}/auth/?credentialToken={issued.token}"
    return answer(permission_answer_fields(consumer_key=issued.consumer_key, validation_url=validation_url))


@get("/auth/currentCredential")
async def current_credential(caller: By, authority: Flows) -> Response[bytes]:
    """`GET /auth/currentCredential`: the credential that signed this call."""
    return answer(await shown_credential(authority, await _own_credential(caller, authority)))


@get("/auth/details")
async def details(caller: By, authority: Flows) -> Response[bytes]:
    """`GET /auth/details`: for whom the caller acts, and what it may do."""
    credential = await _own_credential(caller, authority)
    return answer(details_fields(account=caller.account, allowed_routes=credential.rules))


@post("/auth/logout", status_code=200)
async def log_out(caller: By, authority: Flows) -> Response[bytes]:
    """`POST /auth/logout`: the credential that signed this call expires now."""
    actor = await caller.actor(authority)
    if not await authority.delegations.log_out_credential(
        caller.account, caller.credential_id, actor=actor, address=caller.address
    ):
        raise ApiRefusal(Reason.INVALID_CREDENTIAL)
    return answer(None)


def _application_key(request: Asked) -> str:
    values = [value for name, value in request.scope["headers"] if name == APPLICATION]
    if len(values) > 1:
        raise ApiRefusal(Reason.MALFORMED_REQUEST, "X-Ovh-Application is given twice", field="X-Ovh-Application")
    if not values or not values[0]:
        raise ApiRefusal(Reason.MISSING_APPLICATION)
    return values[0].decode("latin-1")


async def _own_credential(caller: Caller, authority: Authority) -> Credential:
    credential = await authority.delegations.find(caller.account, caller.credential_id)
    if credential is None:
        raise ApiRefusal(Reason.NOT_CREDENTIAL)
    return credential
