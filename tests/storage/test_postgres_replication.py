"""A primary with a standby: what a start in `ha` demands of them, and what a commit says that only one of them has."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.postgres.access import make_engine
from mandat.storage.postgres.bounded import BoundedSession
from mandat.storage.postgres.place import DatabaseRefused, parse_place
from mandat.storage.postgres.replication import find_replication_weakness
from mandat.storage.postgres.sessions import ReadSessions
from support.postgres_cluster import Cluster
from support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with closing(Cluster()) as made:
        made.primary.execute("CREATE TABLE kept (what text)")
        made.primary.execute("CREATE ROLE mandat LOGIN")
        yield made


@pytest.fixture
def synchronous(cluster: Cluster) -> Iterator[Cluster]:
    cluster.replicate_synchronously()
    yield cluster
    cluster.primary.configure("synchronous_standby_names", "")


class Hasty(BoundedSession):
    """One that does not wait as long."""

    patience_seconds = 0.5


def weakness(cluster: Cluster, *, user: str = "postgres", options: str = "") -> str | None:
    return find_replication_weakness(parse_place(cluster.url("postgres", user=user) + options))


def test_two_servers_that_commit_together_are_good(synchronous: Cluster) -> None:
    assert weakness(synchronous) is None


def test_replication_that_nobody_waits_for_is_named(cluster: Cluster) -> None:
    assert "empty synchronous_standby_names" in str(weakness(cluster))


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
def test_a_commit_that_does_not_wait_for_the_other_disk_is_named(synchronous: Cluster, value: str) -> None:
    found = weakness(synchronous, options=f"&options=-c%20synchronous_commit%3D{value}")
    assert f"synchronous_commit = {value}" in str(found)


def test_a_standby_that_is_missing_is_named(cluster: Cluster) -> None:
    cluster.primary.configure("synchronous_standby_names", "somebody_else")
    try:
        assert "no synchronous standby in pg_stat_replication" in str(weakness(cluster))
    finally:
        cluster.primary.configure("synchronous_standby_names", "")


def test_a_user_who_may_not_look_is_told_which_role_lets_him(synchronous: Cluster) -> None:
    assert "pg_monitor" in str(weakness(synchronous, user="mandat"))
    synchronous.primary.execute("GRANT pg_monitor TO mandat")
    assert weakness(synchronous, user="mandat") is None


def test_servers_that_are_away_are_one_sentence(tmp_path) -> None:
    with pytest.raises(DatabaseRefused, match="look whether it runs"):
        find_replication_weakness(parse_place(f"postgresql://mandat@/mandat?host={tmp_path}/one,{tmp_path}/two"))


def commit(cluster: Cluster, session: type[BoundedSession], what: str) -> None:
    engine = make_engine(
        parse_place(cluster.url("postgres")), role="test", settings={}, session=session, poolclass=NullPool
    )
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO kept VALUES (:what)"), {"what": what})


def test_a_commit_that_waits_for_a_lost_standby_ends_in_doubt_and_in_time(synchronous: Cluster) -> None:
    synchronous.standby.stop()
    try:
        began = time.monotonic()
        with pytest.raises(OperationalError, match="no answer within"):
            commit(synchronous, Hasty, "waits in vain")
        assert time.monotonic() - began < 4
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        assert synchronous.primary.execute(waiting) == [(1,)], "the server still waits"
    finally:
        synchronous.standby.start()
    wait_for(lambda: not synchronous.primary.execute(waiting), what="the standby")
    commit(synchronous, Hasty, "goes on")


def test_a_commit_whose_wait_was_cancelled_is_no_success(synchronous: Cluster) -> None:
    synchronous.standby.stop()
    faults: list[Exception] = []

    def attempt() -> None:
        try:
            commit(synchronous, BoundedSession, "cancelled")
        except OperationalError as fault:
            faults.append(fault)

    worker = threading.Thread(target=attempt)
    worker.start()
    try:
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        wait_for(lambda: synchronous.primary.execute(cancel), what="a commit that waits")
        worker.join(timeout=10)
        assert "in doubt" in str(faults)
        assert synchronous.primary.execute("SELECT 1 FROM kept WHERE what = 'cancelled'") == [(1,)]
    finally:
        synchronous.standby.start()


def test_a_server_that_stands_still_is_given_up(cluster: Cluster) -> None:
    place = parse_place(cluster.url("postgres"))
    with Hasty.connect(place.conninfo(role="test", settings={}), autocommit=True) as session:
        began = time.monotonic()
        with pytest.raises(errors.OperationalError, match="no answer within"):
            session.execute("SELECT pg_sleep(30)")
        assert time.monotonic() - began < 4
        assert session.closed


async def test_a_gateway_finds_the_primary_behind_a_host_that_is_silent(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are made, and never answered
        port = silent.getsockname()[1]
        hosts = f"host=127.0.0.1,{cluster.standby.sockets},{cluster.primary.sockets}&port={port},5432,5432"
        sessions = ReadSessions(parse_place(f"postgresql://postgres@/postgres?{hosts}"))
        assert await sessions.rows("SELECT pg_is_in_recovery()") == [(False,)]
        sessions.close()


def test_the_authority_remembers_who_is_primary(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hosts = f"host=127.0.0.1,{cluster.standby.sockets},{cluster.primary.sockets}&port={port},5432,5432"
        place = parse_place(f"postgresql://postgres@/postgres?{hosts}&connect_timeout=2")
        engine = make_engine(place, role="test", settings={}, session=BoundedSession, poolclass=NullPool)
        seconds = []
        for _ in range(2):
            began = time.monotonic()
            with engine.connect() as connection:
                assert connection.execute(text("SELECT pg_is_in_recovery()")).scalar() is False
            seconds.append(time.monotonic() - began)
    assert seconds[1] < 2 <= seconds[0]


async def test_a_gateway_that_finds_no_primary_says_so_in_time(cluster: Cluster, tmp_path: Path) -> None:
    sessions = ReadSessions(parse_place(f"postgresql://postgres@/postgres?host={tmp_path},{cluster.standby.sockets}"))
    began = time.monotonic()
    with pytest.raises(SourceUnavailable):
        await sessions.rows("SELECT 1")
    assert time.monotonic() - began < 3
    sessions.close()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://db/m", [("db", None)]),
        ("postgresql://one,two/m", [("one", None), ("two", None)]),
        ("postgresql://one:1,two:2/m", [("one", "1"), ("two", "2")]),
        ("postgresql:///m?host=one,two&port=7", [("one", "7"), ("two", "7")]),
        ("postgresql:///m", [(None, None)]),
    ],
)
def test_each_host_of_a_url_stands_for_itself(url: str, hosts: list[tuple[str | None, str | None]]) -> None:
    places = parse_place(url).each_host()
    assert [(one.parameters.get("host") or None, one.parameters.get("port") or None) for one in places] == hosts
    assert {one.parameters["dbname"] for one in places} == {"m"}
