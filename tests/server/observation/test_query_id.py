"""One id for one exchange, from the caller through the gateway to the API behind it."""

import json
from pathlib import Path

import httpx2
import pytest

from mandat.cli.main import run
from mandat.sandbox.operating.inspection import read_ledger
from support.demo import Demo
from support.waiting import wait_for

pytestmark = pytest.mark.demo


def test_the_same_id_is_in_the_answer_the_access_log_and_the_sandbox_s_ledger(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    client = demo.client(demo.grant([("GET", "/domain/zone")]))
    answer = client.raw_call("GET", "/domain/zone")
    query_id = answer.headers["X-Ovh-QueryID"]
    log = demo.folder / "log" / "access.jsonl"
    wait_for(lambda: f'"query_id":"{query_id}"' in log.read_text(), what="the line of the access log")
    assert query_id in {entry.query_id for entry in read_ledger(demo.folder / "sandbox", None)}
    capsys.readouterr()
    assert run(["explain", query_id, "--json", "--data", str(demo.folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["queryId"], told["exchange"]["upstream"]) == (query_id, "domain")


def test_a_refusal_of_the_authority_carries_the_id_that_the_gateway_logged(demo: Demo) -> None:
    ask = {"X-Ovh-Application": "nobodyshere"}
    body = {"accessRules": [{"method": "GET", "path": "/me"}]}
    answer = httpx2.post(f"{demo.endpoint}/auth/credential", headers=ask, json=body)
    assert answer.json()["queryId"] == answer.headers["X-Ovh-QueryID"]
    log: Path = demo.folder / "log" / "access.jsonl"

    def line() -> dict[str, object] | None:
        lines = (json.loads(each) for each in log.read_text().splitlines())
        return next((each for each in lines if each["query_id"] == answer.json()["queryId"]), None)

    assert wait_for(line, what="the line of the access log")["reason"] == "invalid_key"
