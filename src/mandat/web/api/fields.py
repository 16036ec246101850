"""Records of the authority as the wire shows them."""

from mandat.authority.service import Authority
from mandat.authority.values import Application, Credential
from mandat.core.credential import wire_state
from mandat.protocol.messages import application_fields, credential_fields


async def shown_credential(authority: Authority, credential: Credential) -> dict[str, object]:
    """`auth.ApiCredential`, with its last use as far as the gateways have reported it."""
    last_use = await authority.delegations.find_last_use(credential)
    return credential_fields(
        credential_id=credential.id,
        application_id=credential.application_id,
        status=wire_state(credential.state, expires=credential.expires, now=authority.clock()),
        rules=credential.rules,
        creation=credential.created,
        expiration=credential.expires,
        last_use=None if last_use is None else last_use.at,
        allowed_networks=credential.allowed_networks,
    )


def shown_application(application: Application) -> dict[str, object]:
    """`auth.ApiApplication`; never with its secret."""
    return application_fields(
        application_id=application.id,
        application_key=application.key,
        name=application.name,
        description=application.description,
        status=application.status.value,
    )
