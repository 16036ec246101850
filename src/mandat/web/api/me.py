"""`/me/api/*`: a caller's own applications, and what its account has delegated. Source: wire.md 2.

What belongs to another account answers exactly like what does not exist.
"""

from litestar import Response, delete, get, put

from mandat.authority.service import Authority
from mandat.authority.values import Application, Credential
from mandat.core.credential import CredentialState
from mandat.protocol.messages import FieldFault, parse_allowed_networks
from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.web.api.caller import Caller
from mandat.web.api.fields import shown_application, shown_credential
from mandat.web.api.given import Asked, By, Flows, PathText
from mandat.web.api.reading import read_id, read_json, read_query
from mandat.web.api.refusal import ApiRefusal, answer, bad_parameter

_STATES = (
    CredentialState.EXPIRED.value,
    CredentialState.PENDING.value,
    CredentialState.REFUSED.value,
    CredentialState.VALIDATED.value,
)
_CHANGING_BY_ITSELF = frozenset({"status", "lastUse"})


@get("/me/api/application")
async def list_applications(request: Asked, caller: By, authority: Flows) -> Response[bytes]:
    """`GET /me/api/application`: ids of the caller's own applications."""
    read_query(request, ())
    return answer([application.id for application in await authority.applications.list_applications(caller.account)])


@get("/me/api/application/{application_id:str}")
async def get_application(application_id: PathText, caller: By, authority: Flows) -> Response[bytes]:
    """`GET /me/api/application/{applicationId}`."""
    return answer(shown_application(await _own_application(application_id, caller, authority)))


@delete("/me/api/application/{application_id:str}", status_code=200)
async def delete_application(application_id: PathText, caller: By, authority: Flows) -> Response[bytes]:
    """`DELETE /me/api/application/{applicationId}`: every delegation to it ends."""
    application = await _own_application(application_id, caller, authority)
    deleted = await authority.applications.delete(
        caller.account, application.id, actor=await caller.actor(authority), address=caller.address
    )
    if not deleted:
        raise _no_application()
    return answer(None)


@get("/me/api/credential")
async def list_credentials(request: Asked, caller: By, authority: Flows) -> Response[bytes]:
    """`GET /me/api/credential`: ids, filtered by `applicationId` and `status`."""
    query = read_query(request, ("applicationId", "status"))
    application_id = query.get("applicationId")
    status = query.get("status")
    if status is not None and status not in _STATES:
        raise bad_parameter("status", f"Query parameter status must be one of {', '.join(_STATES)}")
    credentials = await authority.delegations.list_credentials(
        caller.account,
        application_id=None if application_id is None else read_id(application_id, field="applicationId"),
        status=status,
    )
    return answer([credential.id for credential in credentials])


@get("/me/api/credential/{credential_id:str}")
async def get_credential(credential_id: PathText, caller: By, authority: Flows) -> Response[bytes]:
    """`GET /me/api/credential/{credentialId}`."""
    return answer(await shown_credential(authority, await _account_credential(credential_id, caller, authority)))


@put("/me/api/credential/{credential_id:str}")
async def change_credential(
    request: Asked,
    credential_id: PathText,
    caller: By,
    authority: Flows,
) -> Response[bytes]:
    """`PUT /me/api/credential/{credentialId}`: sets `allowedIPs`; the other members may come along unchanged."""
    document = await read_json(request)
    if not isinstance(document, dict):
        raise bad_parameter("body", "The body must be a JSON object with the member allowedIPs")
    credential = await _account_credential(credential_id, caller, authority)
    _refuse_other_changes(document, await shown_credential(authority, credential))
    if "allowedIPs" not in document:
        raise bad_parameter("allowedIPs", "Body parameter allowedIPs is missing; null allows any address")
    networks = parse_allowed_networks(document["allowedIPs"])
    if isinstance(networks, FieldFault):
        raise bad_parameter(networks.field, networks.message)
    actor = await caller.actor(authority)
    changed = await authority.delegations.set_allowed_networks(
        caller.account, credential.id, networks, actor=actor, address=caller.address
    )
    if not changed:
        raise _no_credential()
    return answer(None)


@delete("/me/api/credential/{credential_id:str}", status_code=200)
async def delete_credential(credential_id: PathText, caller: By, authority: Flows) -> Response[bytes]:
    """`DELETE /me/api/credential/{credentialId}`: the delegation ends. One that has ended already is no fault."""
    credential = await _account_credential(credential_id, caller, authority)
    await authority.delegations.revoke(
        caller.account, credential.id, actor=await caller.actor(authority), address=caller.address
    )
    return answer(None)


@get("/me/api/credential/{credential_id:str}/application")
async def get_credential_application(credential_id: PathText, caller: By, authority: Flows) -> Response[bytes]:
    """`GET /me/api/credential/{credentialId}/application`: works for the customer, whoever owns the application."""
    credential = await _account_credential(credential_id, caller, authority)
    application = await authority.delegations.find_application(caller.account, credential.id)
    if application is None:
        raise _no_application()
    return answer(shown_application(application))


async def _own_application(text: str, caller: Caller, authority: Authority) -> Application:
    application = await authority.applications.find(caller.account, read_id(text, field="applicationId"))
    if application is None:
        raise _no_application()
    return application


async def _account_credential(text: str, caller: Caller, authority: Authority) -> Credential:
    credential = await authority.delegations.find(caller.account, read_id(text, field="credentialId"))
    if credential is None:
        raise _no_credential()
    return credential


def _refuse_other_changes(document: dict[str, JsonValue], current: dict[str, object]) -> None:
    """A client may send back what it got; a change to anything but `allowedIPs` must not be swallowed in silence."""
    for name, value in document.items():
        if name not in current:
            raise bad_parameter(name[:40], "The body has a member that auth.ApiCredential does not have")
        if name == "allowedIPs" or name in _CHANGING_BY_ITSELF or value is None:
            continue
        if value != current[name]:
            raise bad_parameter(name, f"Body parameter {name} cannot be changed")


def _no_application() -> ApiRefusal:
    return ApiRefusal(Reason.UNKNOWN_OBJECT, "This application does not exist")


def _no_credential() -> ApiRefusal:
    return ApiRefusal(Reason.UNKNOWN_OBJECT, "This credential does not exist")
