"""Mistakes of our own: still an answer in the protocol's shape, and the server goes on."""

import asyncio
import json
import logging
import socket

import dns.message
import dns.rcode
import httpx2
import pytest

from mandat.enforcement.assertion_verifier import Asserted
from mandat.sandbox.api.description import Descriptions
from mandat.sandbox.dns.server import DnsServer
from mandat.sandbox.dns.zone import ServedZones
from mandat.sandbox.effects import Aftermath
from mandat.sandbox.serving.application import SandboxApplication
from mandat.sandbox.serving.calls import CallDesk
from mandat.sandbox.store.database import Database
from support.sandbox import ALICE, HOST


class FailingDesk(CallDesk):
    """A desk with a mistake in it."""

    def __init__(self) -> None:
        pass

    def perform(self, *_: object, **__: object):
        raise RuntimeError("a mistake that names a secret")


class AlwaysAlice:
    """A verifier that believes everything."""

    async def check(self, token: object) -> Asserted:
        return Asserted(ALICE, 7, 9)


class FailingZones(ServedZones):
    """Zones with a mistake in them."""

    def find(self, name: object):
        raise RuntimeError("a mistake")


def failing_application(database):
    return SandboxApplication(
        descriptions=Descriptions((), own_origin="http://sandbox.test"),
        verifier=AlwaysAlice(),
        database=database,
        desk=FailingDesk(),
        aftermath=Aftermath(ServedZones(), list, list, list),
        stop=asyncio.Event(),
    )


async def test_a_websocket_is_closed_before_it_opens(tmp_path):
    sent = []

    async def send(message):
        sent.append(message)

    database = Database(tmp_path)
    application = failing_application(database)
    for kind in ("websocket", "lifespan"):
        await application({"type": kind}, asyncio.Event().wait, send)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]
    database.close()


async def test_a_mistake_answers_500_without_its_text_and_is_logged(tmp_path, caplog):
    database = Database(tmp_path)
    application = failing_application(database)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application), base_url="http://sandbox.test"
    ) as client:
        with caplog.at_level(logging.ERROR, logger="mandat.sandbox"):
            answer = await client.get("/1.0/me", headers={"X-Ovh-QueryID": "EU.1"})
    database.close()

    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "INTERNAL_ERROR"
    assert "secret" not in answer.text
    assert [record.getMessage() for record in caplog.records] == ["call failed"]


@pytest.fixture
async def broken_dns():
    sockets = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        bound = socket.socket(socket.AF_INET, kind)
        bound.bind((HOST, 0))
        bound.setblocking(False)
        sockets.append(bound)
    server = DnsServer(FailingZones(), udp=sockets[0], tcp=sockets[1])
    await server.serve()
    yield sockets[1].getsockname()[1]
    await server.close()


async def test_a_mistake_in_an_answer_is_a_server_failure_and_the_connection_goes_on(broken_dns):
    reader, writer = await asyncio.open_connection(HOST, broken_dns)
    for _ in range(2):
        wire = dns.message.make_query("www.example.org", "A").to_wire()
        writer.write(len(wire).to_bytes(2) + wire)
        length = int.from_bytes(await reader.readexactly(2))
        assert dns.message.from_wire(await reader.readexactly(length)).rcode() == dns.rcode.SERVFAIL
    writer.close()


@pytest.mark.parametrize("sent", [b"\xff\xff", b"\x00\x03abc", b"\x00\x0c" + b"\x00\x00\x80\x00" + b"\x00" * 8])
async def test_a_connection_that_talks_nonsense_is_closed(broken_dns, sent):
    reader, writer = await asyncio.open_connection(HOST, broken_dns)
    writer.write(sent)

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


def test_log_lines_are_json_whatever_they_carry():
    from mandat.sandbox.logs import JsonLines

    record = logging.makeLogRecord(
        {"name": "mandat.sandbox", "levelname": "INFO", "msg": "a\nb", "extra_field": {1, 2}}
    )

    line = JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["event"] == "a\nb"
