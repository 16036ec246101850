"""Causes planted in a running node: `mandat explain` names the right one for each, and never a secret."""

import asyncio
import ipaddress
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from mandat.authority.values import ApplicationStatus
from mandat.cli.main import run
from mandat.core.credential import CredentialState
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.keys import key_hash
from support.front import CONSUMER_KEY, Fronted, fronted
from support.installed import APPLICATION_KEY, SECRET
from support.storage import DAY, NOW, PLENTY, Installation, Scene, entry
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("explained")]
OTHER_KEY, SUSPENDED_KEY = "otherapplication", "sleepyapplication"
WANTED = {"accessRules": [{"method": "GET", "path": "/notes"}]}
RULES = ("GET /notes", "GET /notes/*", "POST /notes", "GET /gone", "GET /nowhere")


async def prepare(installation: Installation) -> None:
    """Two more applications, and a delegation in every state."""
    storage = installation.open()
    try:
        scene = Scene(storage)
        await scene.application(key=OTHER_KEY)
        asleep = await scene.application(key=SUSPENDED_KEY)
        audit = entry("developer-1", "application.suspended")
        await storage.applications.set_application_status(asleep.id, ApplicationStatus.INACTIVE, at=NOW, audit=audit)
        now = int(time.time())
        away = (ipaddress.ip_network("192.0.2.0/24"),)
        await delegate(storage, "pendingkey", state=None)
        await delegate(storage, "refusedkey", state=CredentialState.REFUSED)
        await delegate(storage, "expiredkey", expires=now - 60)
        await scene.revoke(await delegate(storage, "revokedkey"))
        await delegate(storage, "boundkey1", networks=away)
        await delegate(storage, "otherskey", application_id=2)
    finally:
        storage.close()


async def delegate(
    storage: Any,
    consumer_key: str,
    *,
    application_id: int = 1,
    state: CredentialState | None = CredentialState.VALIDATED,
    expires: int | None = None,
    networks: Any = None,
) -> Any:
    request = await storage.requests.add_request(
        application_id=application_id,
        consumer_key_hash=key_hash(consumer_key),
        token_hash=key_hash(f"{consumer_key}token"),
        rules=[AccessRule("GET", "/notes")],
        redirection=None,
        allowed_networks=networks,
        address="192.0.2.7",
        at=NOW,
        expires=int(time.time()) + DAY,
        limits=PLENTY,
    )
    if state is None:
        return None
    credential = await Scene(storage).answer(request, account="ab2-other", state=state, expires=expires)
    await storage.requests.forget_request(request.id)
    return credential


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        more = f"""[limits]
max_body_bytes = 2000
[[upstream]]
prefix = "/gone"
url = "http://127.0.0.1:1"
describes = false
[[upstream]]
prefix = "/slow"
url = "http://127.0.0.1:{deaf.getsockname()[1]}"
timeout_seconds = 0.3
describes = false
"""
        with fronted(tmp_path_factory.mktemp("explained"), *RULES, "GET /slow", more=more) as running:
            asyncio.run(prepare(running.installation))
            yield running


@dataclass(frozen=True)
class Cause:
    """How it is planted, and what must be said: the check, words of the reason, of the advice."""

    plant: Callable[[Fronted], str]
    check: str
    why: str
    advice: str = ""


def asked(
    method: str = "GET", target: str = "/1.0/notes", body: bytes = b"", **changes: Any
) -> Callable[[Fronted], str]:
    """A signed call that `changes` spoil; answers its query id."""
    return lambda front: front.call(method, target, body, **changes).headers["X-Ovh-QueryID"]


def without(name: str) -> Callable[[Fronted], str]:
    def plant(front: Fronted) -> str:
        headers = {key: value for key, value in front.signed("GET", "/1.0/notes").items() if key != name}
        return httpx2.get(f"{front.origin}/1.0/notes", headers=headers).headers["X-Ovh-QueryID"]

    return plant


def changed(**fields: str) -> Callable[[Fronted], str]:
    def plant(front: Fronted) -> str:
        headers = front.signed("GET", "/1.0/notes") | {name.replace("_", "-"): value for name, value in fields.items()}
        return httpx2.get(f"{front.origin}/1.0/notes", headers=headers).headers["X-Ovh-QueryID"]

    return plant


def raw(request: bytes) -> Callable[[Fronted], str]:
    def plant(front: Fronted) -> str:
        with socket.create_connection(("127.0.0.1", front.first), timeout=10) as client:
            client.sendall(request)
            answer = client.recv(65_536).decode()
        return answer.split("X-Ovh-QueryID: ")[1].split("\r\n")[0]

    return plant


def repeated(front: Fronted) -> str:
    headers = front.signed("POST", "/1.0/notes", b"[]")
    answers = [httpx2.post(f"{front.origin}/1.0/notes", headers=headers, content=b"[]") for _ in range(4)]
    assert answers[-1].status_code == 400
    return answers[-1].headers["X-Ovh-QueryID"]


def unknown_to_the_authority(front: Fronted) -> str:
    ask = {"X-Ovh-Application": "nobodyshere"}
    answer = httpx2.post(f"{front.origin}/1.0/auth/credential", headers=ask, json=WANTED)
    assert answer.status_code >= 400
    return answer.headers["X-Ovh-QueryID"]


CAUSES = {
    "not HTTP": Cause(raw(b"GET / HTTP/9.9\r\n\r\n"), "framing", "not one clear HTTP request"),
    "two hosts": Cause(raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), "framing", "not one clear HTTP request"),
    "dot segments": Cause(
        raw(b"GET /1.0/a/../b HTTP/1.1\r\nHost: a\r\n\r\n"), "target", "more than one way", "plain form"
    ),
    "a strange method": Cause(asked("PATCH"), "method", "none of GET, HEAD, POST"),
    "a batch": Cause(changed(X_Ovh_Batch=","), "headers", "X-Ovh-Batch"),
    "a missing header": Cause(without("X-Ovh-Consumer"), "headers", "missing: X-Ovh-Consumer"),
    "a key with quotes": Cause(changed(X_Ovh_Consumer='"key"'), "headers", "malformed: X-Ovh-Consumer", "quotes"),
    "a slow clock": Cause(asked(timestamp=int(time.time()) - 5000), "clock", "clock is slow", "auth/time"),
    "a fast clock": Cause(asked(timestamp=int(time.time()) + 5000), "clock", "clock is fast", "auth/time"),
    "an unknown application": Cause(asked(key="nobodyshere"), "application", "No application has the key"),
    "a suspended application": Cause(asked(key=SUSPENDED_KEY), "application", "now it is inactive", "app resume"),
    "an unknown delegation": Cause(asked(consumer_key="nobodyshere"), "credential", "no delegation has the consumer"),
    "another application's delegation": Cause(
        asked(consumer_key="otherskey"), "credential", "is not of application 1", "mixes the keys"
    ),
    "a wrong secret": Cause(asked(secret="x" * 32), "signature", "is not what was signed", "Compare the secret"),
    "another address than ours": Cause(changed(Host="api.elsewhere.example", X_Ovh_Signature="$1$" + "0" * 40),
        "signature", "api.elsewhere.example", "public_urls"),
    "a repeated write": Cause(repeated, "replay", "was made already", "Sign each call anew"),
    "a body that is no JSON": Cause(asked("POST", body=b"{'a'}"), "body", "not one strict JSON value"),
    "too large a body": Cause(asked("POST", body=b'"' + b"x" * 2500 + b'"'), "body", "limits.max_body_bytes"),
    "not confirmed": Cause(asked(consumer_key="pendingkey"), "state", "nobody has confirmed it", "validation URL"),
    "refused by the customer": Cause(asked(consumer_key="refusedkey"), "state", "the customer refused it"),
    "run out": Cause(asked(consumer_key="expiredkey"), "state", "its time was over at"),
    "revoked": Cause(asked(consumer_key="revokedkey"), "state", "it was revoked or logged out"),
    "another network": Cause(asked(consumer_key="boundkey1"), "network", "192.0.2.0/24", "trusted_proxies"),
    "no rule for the method": Cause(
        asked("DELETE"), "rules", "Nearest, as the rules are now: GET /notes (another method)", "ask for the"
    ),
    "no rule for the path": Cause(
        asked("POST", "/1.0/notes/7/x", b"{}"), "rules", "POST /notes/7/x. Nearest, as the rules are now: GET /notes/*"
    ),
    "no such API": Cause(asked(target="/1.0/nowhere"), "route", "no upstream.prefix"),
    "an API that is down": Cause(asked(target="/1.0/gone"), "upstream", 'The API "gone" could not be reached'),
    "an API that is silent": Cause(asked(target="/1.0/slow"), "upstream", "upstream.timeout_seconds"),
    "a refusal of Mandat's own API": Cause(unknown_to_the_authority, "authority", "application key is invalid"),
}  # fmt: skip


def explained(front: Fronted, query_id: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What the command prints, once the line is written."""

    def ask() -> str:
        status = run(["explain", query_id, "--config", str(front.mandat.config), *options])
        printed = capsys.readouterr()
        return printed.out if status == 0 else ""

    return wait_for(ask, what=f"an explanation of {query_id}", seconds=10)


@pytest.mark.parametrize("name", CAUSES)
def test_the_right_cause_is_named(front: Fronted, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cause = CAUSES[name]
    query_id = cause.plant(front)
    told = json.loads(explained(front, query_id, capsys, "--json"))
    assert (told["check"], told["queryId"]) == (cause.check, query_id)
    assert cause.why in told["why"]
    assert cause.advice in told["next"]
    words = explained(front, query_id, capsys)
    assert told["why"] in words
    for secret in (SECRET, CONSUMER_KEY, APPLICATION_KEY, OTHER_KEY, "pendingkey", "revokedkey", "otherskey"):
        assert secret not in words + json.dumps(told)


def test_there_are_at_least_twenty_causes() -> None:
    assert len(CAUSES) >= 20


def test_the_delta_of_a_clock_is_said_in_seconds(front: Fronted, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(explained(front, asked(timestamp=int(time.time()) - 400)(front), capsys, "--json"))
    delta = int(told["exchange"]["details"]["delta"])
    assert 399 <= delta <= 410
    assert f"{delta} s before ours; 180 s are allowed" in told["why"]


def test_the_nearest_rule_is_named_for_programs_too(front: Fronted, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(explained(front, asked("DELETE")(front), capsys, "--json"))["nearestRule"] == "GET /notes"


def test_a_call_that_was_answered_is_explained_too(front: Fronted, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(explained(front, asked()(front), capsys, "--json"))
    assert (told["what"], told["check"]) == ("Nothing was refused.", "")
    assert 'It was answered 200 by the API behind it ("notes").' in told["why"]


@pytest.mark.parametrize("query_id", ["EU.gw-1.00000000.1.0", "x" * 5000, "../../etc/passwd", '"', "", "é"])
def test_an_id_that_nobody_got_is_not_found_whatever_it_looks_like(
    front: Fronted, query_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", query_id, "--config", str(front.mandat.config)]) == 1
    assert "There is no such exchange" in capsys.readouterr().err
