"""The life of a credential, as a table and as a machine."""

from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mandat.core.credential import EDGES, CredentialEvent, CredentialState, next_state, wire_state
from mandat.core.credential_diagram import draw_states
from mandat.core.decision import Permit
from support.deciding import NOW, World, grant, signed_head

FINAL = {CredentialState.REFUSED, CredentialState.EXPIRED, CredentialState.REVOKED}
MANUAL = Path(__file__).parents[2] / "docs" / "reference" / "credential-states.md"


@pytest.mark.parametrize("state", CredentialState)
@pytest.mark.parametrize("event", CredentialEvent)
def test_only_the_table_s_edges_exist(state, event):
    assert next_state(state, event) is EDGES.get((state, event))


@pytest.mark.parametrize("event", CredentialEvent)
def test_nothing_leaves_a_final_state(event):
    assert {next_state(state, event) for state in FINAL} == {None}


def test_only_the_customer_s_confirmation_makes_a_credential_valid():
    leading = [edge for edge, following in EDGES.items() if following is CredentialState.VALIDATED]
    assert leading == [(CredentialState.PENDING, CredentialEvent.CONFIRM)]


@pytest.mark.parametrize(
    ("state", "expires", "told"),
    [
        (CredentialState.PENDING, None, "pendingValidation"),
        (CredentialState.PENDING, NOW - 1, "pendingValidation"),
        (CredentialState.VALIDATED, None, "validated"),
        (CredentialState.VALIDATED, NOW + 1, "validated"),
        (CredentialState.VALIDATED, NOW, "expired"),
        (CredentialState.REFUSED, NOW - 1, "refused"),
        (CredentialState.EXPIRED, None, "expired"),
        (CredentialState.REVOKED, None, "expired"),
    ],
)
def test_the_wire_shows_four_states(state, expires, told):
    assert wire_state(state, expires=expires, now=NOW) == told


def test_the_manual_shows_the_diagram_of_the_table():
    assert f"```mermaid\n{draw_states()}\n```" in MANUAL.read_text("utf-8"), f"paste this into it:\n{draw_states()}"


class Life(RuleBasedStateMachine):
    """Whatever happens to a credential, in whatever order, time running forward."""

    @initialize(expires=st.none() | st.integers(NOW, NOW + 50))
    def ask(self, expires):
        self.state = CredentialState.PENDING
        self.expires = expires
        self.now = NOW
        self.seen = [self.state]
        self.ended = False

    @rule(event=st.sampled_from(CredentialEvent))
    def happens(self, event):
        following = next_state(self.state, event)
        if following is not None:
            assert self.state not in FINAL
            self.state = following
            self.seen.append(following)

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds):
        self.now += seconds

    @invariant()
    def a_state_is_never_entered_twice(self):
        assert len(self.seen) == len(set(self.seen))

    @invariant()
    def a_call_passes_exactly_while_the_wire_says_validated(self):
        life = grant("GET /me", state=self.state, expires=self.expires)
        head = signed_head("GET", "/1.0/me")
        told = wire_state(self.state, expires=self.expires, now=self.now)
        if abs(self.now - NOW) <= 180:
            assert isinstance(World(grant=life).judge(head, now=self.now), Permit) is (told == "validated")
        self.ended = self.ended or told in ("refused", "expired")
        assert not (self.ended and told in ("validated", "pendingValidation"))


TestLife = Life.TestCase
