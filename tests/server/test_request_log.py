"""The id of an exchange is on every line that it causes in the process log of the authority."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest

from mandat.server.request_log import log_with_query_id

PROGRAM = """
import asyncio, logging, structlog
from mandat.server.logs import configure_logs
from mandat.server.request_log import log_with_query_id

async def app(scope, receive, send):
    await asyncio.sleep(0)
    logging.getLogger("mandat.web").warning("from the web room")
    structlog.get_logger("authority").warning("from the server room")

async def both():
    named = log_with_query_id(app)
    scopes = [{"type": "http", "headers": [(b"x-ovh-queryid", name)]} for name in (b"EU.gw.1.2.3", b"EU.gw.1.2.4")]
    await asyncio.gather(*(named(scope, None, None) for scope in scopes))
    logging.getLogger("mandat.web").warning("of nobody")

configure_logs("info")
asyncio.run(both())
"""


def test_lines_of_both_kinds_of_loggers_carry_the_id_of_their_own_request() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line.get("query_id") for line in lines if line["event"] == "of nobody"] == [None]
    for event in ("from the web room", "from the server room"):
        assert {line["query_id"] for line in lines if line["event"] == event} == {"EU.gw.1.2.3", "EU.gw.1.2.4"}


@pytest.mark.parametrize("headers", [[], [(b"x-ovh-queryid", b"\xff")]])
async def test_a_request_without_a_usable_id_is_answered_all_the_same(headers: list[tuple[bytes, bytes]]) -> None:
    answered = asyncio.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        logging.getLogger("mandat.web").debug("answering")
        answered.set()

    await log_with_query_id(app)({"type": "http", "headers": headers}, None, None)
    assert answered.is_set()
