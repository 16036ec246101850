"""Draws the life of a credential from its table, so that the manual cannot say something else than the code.

The drawing is pasted into docs/reference/credential-states.md; a test compares the two.
"""

from mandat.core.credential import EDGES, CredentialEvent, CredentialState

_EVENT_WORDS = {
    CredentialEvent.CONFIRM: "the customer confirms",
    CredentialEvent.REFUSE: "the customer refuses",
    CredentialEvent.EXPIRE: "time runs out",
    CredentialEvent.LOG_OUT: "the application logs out",
    CredentialEvent.REVOKE: "revoked",
}


def draw_states() -> str:
    """A Mermaid state diagram, without a line break at the end."""
    lines = ["stateDiagram-v2", f"    [*] --> {CredentialState.PENDING}"]
    lines += [f"    {state} --> {following}: {_EVENT_WORDS[event]}" for (state, event), following in EDGES.items()]
    final = [state for state in CredentialState if all(state is not start for start, _ in EDGES)]
    lines += [f"    {state} --> [*]" for state in final]
    return "\n".join(lines)
