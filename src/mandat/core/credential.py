"""The life of a credential, as a table. Edges only run forward; everything else about a credential is in `core.grant`.

Source: wire.md 6, design.md 6. The docs' diagram is drawn from EDGES.
"""

from enum import StrEnum


class CredentialState(StrEnum):
    """Where a delegation stands. The wire shows four of them: a revoked credential reads as expired there."""

    PENDING = "pendingValidation"
    VALIDATED = "validated"
    REFUSED = "refused"
    EXPIRED = "expired"
    REVOKED = "revoked"


class CredentialEvent(StrEnum):
    """What can happen to a credential."""

    CONFIRM = "confirm"
    REFUSE = "refuse"
    EXPIRE = "expire"
    LOG_OUT = "log_out"
    REVOKE = "revoke"


EDGES: dict[tuple[CredentialState, CredentialEvent], CredentialState] = {
    (CredentialState.PENDING, CredentialEvent.CONFIRM): CredentialState.VALIDATED,
    (CredentialState.PENDING, CredentialEvent.REFUSE): CredentialState.REFUSED,
    (CredentialState.PENDING, CredentialEvent.EXPIRE): CredentialState.EXPIRED,
    (CredentialState.VALIDATED, CredentialEvent.EXPIRE): CredentialState.EXPIRED,
    (CredentialState.VALIDATED, CredentialEvent.LOG_OUT): CredentialState.EXPIRED,
    (CredentialState.VALIDATED, CredentialEvent.REVOKE): CredentialState.REVOKED,
}


def next_state(state: CredentialState, event: CredentialEvent) -> CredentialState | None:
    """The state after `event`, or None where the table has no such edge."""
    return EDGES.get((state, event))


def wire_state(state: CredentialState, *, expires: int | None, now: float) -> str:
    """The state as OVH spells it. Time alone expires: a validated credential past `expires` reads "expired"."""
    if state is CredentialState.REVOKED:
        return CredentialState.EXPIRED.value
    if state is CredentialState.VALIDATED and expires is not None and now >= expires:
        return CredentialState.EXPIRED.value
    return state.value
