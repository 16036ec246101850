"""The writing thread: many jobs in one commit, each for itself."""

import asyncio
import threading

import pytest
from sqlalchemy import create_engine, text

from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.engine.files import USAGE
from mandat.storage.engine.sqlite import SqliteWriter
from mandat.storage.engine.writer import LONGEST_QUEUE, Writer

INSERT = text("INSERT INTO rule_uses VALUES (1, :rule, 1, 1, 1)")
RULES = "SELECT rule FROM rule_uses ORDER BY rule"


class Commits:
    """Keeps the connection of each commit, and can make one fail."""

    def __init__(self):
        self.connections = []
        self.failing = False

    def __call__(self, connection):
        self.connections.append(connection.connection.driver_connection)
        if self.failing:
            raise OSError("no commit today")


@pytest.fixture
def commits():
    return Commits()


@pytest.fixture
def writer(installation, commits):
    made = SqliteWriter(USAGE.within(installation.data), synchronous="FULL", before_commit=commits, busy_seconds=0.2)
    yield made
    made.close()


@pytest.fixture
def gate(writer):
    """Holds the writer in a job, so that what comes next is taken together."""
    opened = threading.Event()
    yield opened
    opened.set()


def insert(rule):
    return lambda connection: connection.execute(INSERT, {"rule": rule}) and rule


async def together(writer, gate, *jobs):
    """The outcomes of jobs that wait for one commit."""
    first = asyncio.create_task(writer.run(lambda _: gate.wait(20)))
    waiting = [asyncio.create_task(writer.run(job)) for job in jobs]
    await asyncio.sleep(0)
    gate.set()
    return (await asyncio.gather(first, *waiting, return_exceptions=True))[1:]


def test_a_writer_without_the_words_of_a_database_cannot_be_made():
    with pytest.raises(TypeError, match=r"ends_transaction.*is_lock_wait"):
        Writer("nothing", create_engine("sqlite://"))


async def test_jobs_that_wait_share_a_commit(installation, writer, gate, commits):
    outcomes = await together(writer, gate, *(insert(f"{n:03}") for n in range(100)))
    assert outcomes == [f"{n:03}" for n in range(100)]
    assert len(commits.connections) <= 3
    assert len(installation.read("usage", RULES)) == 100


async def test_a_job_that_fails_takes_back_its_own_changes_only(installation, writer, gate):
    def half(connection):
        connection.execute(INSERT, {"rule": "half done"})
        raise LookupError("changed my mind")

    outcomes = await together(writer, gate, insert("a"), half, insert("b"), insert("a"), insert("c"))
    assert [outcome if isinstance(outcome, str) else type(outcome) for outcome in outcomes] == [
        "a",
        LookupError,
        "b",
        StorageUnavailable,
        "c",
    ]
    assert installation.read("usage", RULES) == [("a",), ("b",), ("c",)]


async def test_what_the_driver_raises_never_shows_the_values(writer):
    await writer.run(insert("secret value"))
    with pytest.raises(StorageUnavailable) as fault:
        await writer.run(insert("secret value"))
    assert "secret" not in str(fault.value)


async def test_a_commit_that_fails_fails_all_and_its_connection_is_not_used_again(installation, writer, gate, commits):
    await writer.run(insert("before"))
    commits.failing = True
    outcomes = await together(writer, gate, insert("a"), insert("b"))
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable, StorageUnavailable]
    commits.failing = False
    failed = list(commits.connections)
    await writer.run(insert("after"))
    assert all(commits.connections[-1] is not connection for connection in failed)
    assert installation.read("usage", RULES) == [("after",), ("before",)]


async def test_a_full_database_fails_the_commit_and_heals(installation, writer):
    def fill(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for number in range(1_000):
            connection.execute(INSERT, {"rule": f"{number}" * 100})

    with pytest.raises(StorageUnavailable, match="full"):
        await writer.run(fill)
    assert await writer.run(insert("room again")) == "room again"
    assert installation.read("usage", RULES) == [("room again",)]


async def test_a_lock_of_somebody_else_ends_in_a_refusal_for_all_who_waited(installation, writer):
    with installation.locked("usage"):
        outcomes = await asyncio.gather(*(writer.run(insert(f"{n}")) for n in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 5
    assert await writer.run(insert("free")) == "free"


async def test_a_lock_that_ends_in_time_is_waited_for(installation):
    patient = SqliteWriter(USAGE.within(installation.data), synchronous="FULL", busy_seconds=20)
    with installation.locked("usage"):
        waiting = asyncio.create_task(patient.run(insert("patience")))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == "patience"
    patient.close()


async def test_a_caller_who_went_away_harms_nobody(installation, writer, gate):
    held = asyncio.create_task(writer.run(lambda _: gate.wait(20)))
    gone, there = asyncio.create_task(writer.run(insert("gone"))), asyncio.create_task(writer.run(insert("there")))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    assert await there == "there"
    await held
    assert gone.cancelled()
    assert installation.read("usage", RULES) == [("gone",), ("there",)]


async def test_a_queue_that_is_too_long_refuses_at_once(writer, gate):
    jobs = [asyncio.create_task(writer.run(lambda _: gate.wait(20))) for _ in range(LONGEST_QUEUE + 300)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = [job for job in jobs if job.done()]
    assert refused
    assert all(isinstance(job.exception(), StorageUnavailable) for job in refused)
    gate.set()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_closing_finishes_what_waits_and_refuses_the_rest(installation, writer):
    waiting = [asyncio.create_task(writer.run(insert(f"{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.close)
    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(StorageUnavailable):
        await writer.run(insert("too late"))
    writer.close()
    assert len(installation.read("usage", RULES)) == 20


async def test_closed_storage_refuses_everything(storage):
    storage.close()
    with pytest.raises(StorageUnavailable):
        await storage.users.find_user("alice")
    with pytest.raises(StorageUnavailable):
        await storage.sessions.end_session(b"")
