"""Words for every reason, whatever the databases still know."""

import pytest

from mandat.enforcement.access_log import LogLine
from mandat.protocol.refusals import WORDINGS, Reason
from mandat.server.explanation.facts import Facts
from mandat.server.explanation.wording import explain


def line(reason: str = "", **changes: object) -> LogLine:
    fields: dict[str, object] = {
        "time": 1_800_000_000.0,
        "query_id": "EU.gw-1.6b49d200.1.0",
        "address": "192.0.2.7",
        "method": "GET",
        "path": "/1.0/notes",
        "status": WORDINGS[Reason(reason)].status if reason in set(Reason) else 200,
        "seconds": 0.001,
    }
    return LogLine(reason=reason, **fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("upstream", ["", "notes", "authority"])
def test_every_reason_has_words_even_when_nothing_more_is_known(reason: Reason, upstream: str) -> None:
    explanation = explain(line(reason.value, upstream=upstream), Facts(are_complete=False))
    assert explanation.what
    assert explanation.why.endswith((".", ")"))


def test_a_quota_says_whose_and_how_long_to_wait() -> None:
    details = {"quota": "application", "retryAfterSeconds": "7"}
    explanation = explain(line("quota_exceeded", details=details, application=1, credential=2), Facts())
    assert (explanation.check, explanation.why) == ("quota", "The quota of this application was used up.")
    assert "Wait 7 s" in explanation.advice


def test_a_reason_of_another_version_is_said_as_it_stands() -> None:
    assert "newly_invented" in explain(line("newly_invented", status=400), Facts()).why


@pytest.mark.parametrize(
    ("changes", "what", "why"),
    [
        ({"status": 404, "upstream": "notes"}, "error of its own", '("notes") answered 404'),
        ({"status": 403, "upstream": "authority"}, "Mandat's own pages refused", "403"),
        ({"status": 0, "is_cut_short": True}, "cut short", "caller closed"),
        ({"status": 200, "upstream": "notes"}, "Nothing was refused", "answered 200"),
        ({"reason": "upstream_unreachable", "status": 200, "upstream": "notes"}, "failed behind", "in the middle"),
    ],
)
def test_what_was_not_refused_by_mandat_is_told_apart(changes: dict[str, object], what: str, why: str) -> None:
    reason = str(changes.pop("reason", ""))
    explanation = explain(line(reason, **changes), Facts())
    assert what in explanation.what
    assert why in explanation.why
