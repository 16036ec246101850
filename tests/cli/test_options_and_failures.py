"""Which installation a command means, and how failures become sentences."""

from pathlib import Path

import pytest

from mandat import client as sdk
from mandat.cli.failures import explain
from mandat.cli.options import AdminOptions, UsageFault, find_config
from mandat.cli.output import printable
from mandat.client.error_bodies import fault_of
from mandat.client.errors import ErrorAnswer
from mandat.server.problems import Problem


def make_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_places_are_searched_in_order(tmp_path: Path) -> None:
    demo = make_file(tmp_path / "mandat-demo" / "mandat.toml")
    assert find_config(AdminOptions(), environment={}, folder=tmp_path) == demo
    here = make_file(tmp_path / "mandat.toml")
    assert find_config(AdminOptions(), environment={}, folder=tmp_path) == here
    named = make_file(tmp_path / "named.toml")
    environment = {"MANDAT_CONFIG": str(named)}
    assert find_config(AdminOptions(), environment=environment, folder=tmp_path) == named
    folder = make_file(tmp_path / "data" / "mandat.toml")
    assert find_config(AdminOptions(data=tmp_path / "data"), environment=environment, folder=tmp_path) == folder
    other = make_file(tmp_path / "other.toml")
    assert find_config(AdminOptions(config=other), environment=environment, folder=tmp_path) == other


def test_nothing_found_says_where_was_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match=r"MANDAT_CONFIG.*mandat init"):
        find_config(AdminOptions(), environment={}, folder=tmp_path)


def test_a_named_place_that_does_not_exist_is_not_replaced_by_another(tmp_path: Path) -> None:
    make_file(tmp_path / "mandat.toml")
    with pytest.raises(UsageFault, match=r"absent\.toml"):
        find_config(AdminOptions(config=tmp_path / "absent.toml"), environment={}, folder=tmp_path)
    with pytest.raises(UsageFault, match=r"absent\.toml"):
        find_config(AdminOptions(), environment={"MANDAT_CONFIG": "absent.toml"}, folder=tmp_path)


def fault(status: int, code: str, **details: str) -> sdk.ApiFault:
    return fault_of(ErrorAnswer(status, error_code=code, message="no", details=details, query_id="EU.1"))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (fault(403, "NOT_GRANTED_CALL", missingRule="GET /vps"), 'mandat request --rule "GET /vps"'),
        (fault(403, "NOT_GRANTED_CALL"), "mandat request"),
        (fault(403, "INVALID_CREDENTIAL"), "Ask the customer again"),
        (fault(403, "INVALID_KEY"), "application key"),
        (fault(400, "INVALID_SIGNATURE"), "application secret"),
        (fault(400, "QUERY_TIME_OUT", delta="601"), "601 s"),
        (fault(400, "BAD_PARAMETER", field="accessRules[1].path"), "accessRules[1].path"),
    ],
)
def test_a_refusal_comes_with_what_to_do_next(error: sdk.ApiFault, advice: str) -> None:
    failure = explain(error)
    assert failure is not None
    assert failure.status == 1
    assert "EU.1" in failure.what
    assert advice in failure.advice


def test_a_problem_is_its_sentence_and_a_bug_is_not_hidden() -> None:
    failure = explain(Problem("Port 8700 is taken; choose another --port."))
    assert failure is not None
    assert (failure.what, failure.status) == ("Port 8700 is taken; choose another --port.", 1)
    assert explain(KeyError("bug")) is None


def test_nobodys_answer_steers_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x9bc\r\nd\té") == "a\\x1b[2Jb\\x9bc\\x0d\nd\té"
