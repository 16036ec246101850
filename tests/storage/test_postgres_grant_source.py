"""What gateways know of grants in PostgreSQL, and when they may not use it any more."""

import asyncio
import contextlib
import subprocess
import sys

import pytest

from doubles.nature import CountingEntropy
from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from mandat.enforcement.interfaces import MISSING, SourceUnavailable
from mandat.storage.postgres.freshness import Freshness, LeaseTerms
from mandat.storage.postgres.grant_source import PostgresGrantSource
from mandat.storage.postgres.node_epoch import NodeEpoch, create_epoch
from support.storage import DAY, NOW, RULES, Scene, entry, hash_of


class Watch:
    """A monotonic clock that is set, and an epoch that is changed by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.epoch = 1

    def monotonic(self) -> float:
        return self.now

    def read_epoch(self) -> int:
        return self.epoch

    def change(self) -> None:
        self.epoch += 1


@pytest.fixture
def watch():
    return Watch()


def source_of(installation, watch, **options):
    return PostgresGrantSource(
        installation.place,
        installation.node_keys,
        terms=options.pop("terms", LeaseTerms()),
        monotonic=watch.monotonic,
        epoch=watch.read_epoch,
        **options,
    )


@pytest.fixture
async def source(on_postgres, watch):
    """A gateway on the node of the authority."""
    made = source_of(on_postgres, watch)
    yield made
    made.close()


@pytest.fixture
async def far_source(on_postgres):
    """A gateway on another node: no change of the authority reaches its epoch."""
    made = source_of(on_postgres, Watch())
    yield made
    made.close()


@pytest.fixture
def scene(on_postgres, watch):
    storage = on_postgres.open(tell_node=watch.change)
    yield Scene(storage)
    storage.close()


async def test_a_grant_is_read_once_and_then_from_memory(scene, source):
    await scene.application()
    made = await scene.delegation(name="mine", account="customer-3")
    assert source.peek_grant(hash_of("mine key")) is MISSING
    grant = await source.find_grant(hash_of("mine key"))
    assert source.peek_grant(hash_of("mine key")) is grant
    assert await source.find_grant(hash_of("mine key")) is grant
    assert (grant.credential_id, grant.account, grant.rules.rules) == (made.id, "customer-3", RULES)
    assert grant.state is CredentialState.VALIDATED


async def test_an_application_comes_with_its_secret(scene, source):
    made = await scene.application(key="K" * 16)
    known = await source.find_application("K" * 16)
    assert (known.id, known.active, known.strict, known.secrets) == (made.id, True, False, (b"s" * 32,))
    assert source.peek_application("K" * 16) is known


@pytest.mark.parametrize("change", ["revoke", "set networks", "delete application"])
async def test_on_the_same_node_a_change_is_seen_at_once_and_touches_nothing_else(scene, source, change):
    application, other = await scene.application(), await scene.application()
    changed = await scene.delegation(application.id, name="changed")
    await scene.delegation(other.id, name="kept")
    for key in ("changed key", "kept key"):
        await source.find_grant(hash_of(key))
    kept = source.peek_grant(hash_of("kept key"))
    match change:
        case "revoke":
            await scene.revoke(changed)
        case "set networks":
            await scene.stores.credentials.set_allowed_networks(changed.id, [], at=NOW, audit=entry())
        case "delete application":
            await scene.stores.applications.delete_application(application.id, at=NOW, audit=entry())
    assert source.peek_grant(hash_of("changed key")) is MISSING
    grant = await source.find_grant(hash_of("changed key"))
    assert (grant.state is CredentialState.VALIDATED) is (change == "set networks")
    assert source.peek_grant(hash_of("kept key")) is kept


async def test_on_the_same_node_a_suspended_application_is_seen_at_once(scene, source):
    made = await scene.application()
    assert (await source.find_application(made.key)).active
    await scene.stores.applications.set_application_status(made.id, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    assert source.peek_application(made.key) is MISSING
    assert not (await source.find_application(made.key)).active


async def test_what_does_not_exist_or_waits_is_never_kept(scene, source):
    await scene.application()
    assert await source.find_grant(hash_of("mine key")) is None
    request = await scene.ask(name="mine")
    pending = await source.find_grant(hash_of("mine key"))
    assert (pending.state, pending.credential_id, pending.account) == (CredentialState.PENDING, 0, "")
    assert source.peek_grant(hash_of("mine key")) is MISSING
    await scene.answer(request)
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.VALIDATED
    await scene.ask(name="other")
    await scene.stores.requests.prune_requests(expired_before=NOW + 2 * DAY)
    assert await source.find_grant(hash_of("other key")) is None


async def test_another_node_uses_its_memory_until_the_bound_and_not_after(on_postgres, scene):
    elsewhere = Watch()
    far = source_of(on_postgres, elsewhere, terms=LeaseTerms(poll_seconds=60, bound_seconds=5))
    await scene.application()
    made = await scene.delegation(name="mine")
    await far.find_grant(hash_of("mine key"))
    await scene.revoke(made)
    elsewhere.now += 5
    assert far.peek_grant(hash_of("mine key")) is not MISSING
    elsewhere.now += 0.001
    assert far.peek_grant(hash_of("mine key")) is MISSING
    assert (await far.find_grant(hash_of("mine key"))).state is CredentialState.REVOKED
    far.close()


async def test_a_notification_reaches_another_node_long_before_the_next_poll(on_postgres, scene):
    far = source_of(on_postgres, Watch(), terms=LeaseTerms(poll_seconds=3600, bound_seconds=3600))
    running = asyncio.create_task(far.run())
    listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    async with asyncio.timeout(10):
        while on_postgres.execute(listening) != [(1,)]:
            await asyncio.sleep(0.02)
        await scene.application()
        made = await scene.delegation(name="mine")
        await far.find_grant(hash_of("mine key"))
        await scene.revoke(made)
        while far.peek_grant(hash_of("mine key")) is not MISSING:
            await asyncio.sleep(0.005)
    running.cancel()
    far.close()


async def test_polling_alone_reaches_another_node(on_postgres, scene):
    far = source_of(on_postgres, Watch(), terms=LeaseTerms(poll_seconds=0.05, bound_seconds=3600))
    far._listen = asyncio.Event().wait
    running = asyncio.create_task(far.run())
    await scene.application()
    made = await scene.delegation(name="mine")
    async with asyncio.timeout(10):
        await far.find_grant(hash_of("mine key"))
        await scene.revoke(made)
        while far.peek_grant(hash_of("mine key")) is not MISSING:
            await asyncio.sleep(0.005)
    running.cancel()
    far.close()


async def test_memory_serves_until_the_bound_when_the_database_is_gone_and_then_the_door_closes(
    postgres, on_postgres, scene, watch
):
    await scene.application()
    await scene.delegation(name="mine")
    source = source_of(on_postgres, watch)
    await source.find_grant(hash_of("mine key"))
    postgres.halt()
    try:
        assert source.peek_grant(hash_of("mine key")) is not MISSING
        with pytest.raises(SourceUnavailable):
            await source.find_grant(hash_of("cold key"))
        watch.now += 5.1
        with pytest.raises(SourceUnavailable):
            await source.find_grant(hash_of("mine key"))
    finally:
        postgres.start()
    watch.now += 1
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.VALIDATED
    source.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM grant_changes",
        "DELETE FROM grant_changes WHERE sequence < 3",
        "UPDATE grant_changes SET sequence = sequence - 3",
    ],
)
async def test_a_change_log_that_was_cut_or_put_back_empties_memory(on_postgres, scene, source, watch, tampering):
    await scene.application()
    await scene.delegation(name="mine")
    await source.find_grant(hash_of("mine key"))
    for _ in range(3):
        await scene.delegation()
    on_postgres.execute(tampering)
    watch.change()
    await source.find_grant(hash_of("unknown key"))
    assert source.peek_grant(hash_of("mine key")) is MISSING


async def test_a_change_that_names_nobody_empties_memory(on_postgres, scene, source, watch):
    await scene.application()
    await scene.delegation(name="mine")
    await source.find_grant(hash_of("mine key"))
    on_postgres.execute("INSERT INTO grant_changes (at) VALUES (1)")
    watch.change()
    await source.find_grant(hash_of("unknown key"))
    assert source.peek_grant(hash_of("mine key")) is MISSING


async def test_a_lost_session_empties_memory(on_postgres, scene, source, watch):
    await scene.application()
    await scene.delegation(name="mine")
    before = await source.find_grant(hash_of("mine key"))
    on_postgres.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'mandat gateway' AND datname = current_database()"
    )
    watch.change()
    assert await source.find_grant(hash_of("mine key")) is not before


async def test_a_row_changed_while_it_was_loaded_is_good_for_one_call_only(scene, source, watch):
    await scene.application()
    made = await scene.delegation(name="mine")
    await source.find_grant(hash_of("warm"))
    load = source._load_grant

    async def slow(key):
        source._load_grant = load
        grant = await load(key)
        await scene.revoke(made)
        await source.find_grant(hash_of("somebody else's call, which reads the change log"))
        return grant

    source._load_grant = slow
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.VALIDATED
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.REVOKED


@pytest.mark.parametrize(
    "edit",
    [
        """rules = '[["GET","/*"]]'""",
        "account = 'customer-2'",
        "state = 'validated'",
        "suspended = true",
        "signature = ''",
    ],
)
async def test_an_edited_credential_is_refused_and_its_neighbour_is_not(on_postgres, scene, far_source, edit):
    await scene.application()
    edited = await scene.delegation(name="edited")
    await scene.revoke(edited)
    await scene.delegation(name="neighbour")
    on_postgres.execute(f"UPDATE credentials SET {edit} WHERE id = {edited.id}")
    with pytest.raises(SourceUnavailable):
        await far_source.find_grant(hash_of("edited key"))
    assert (await far_source.find_grant(hash_of("neighbour key"))).state is CredentialState.VALIDATED


async def test_calls_that_come_together_share_a_read_which_began_after_them():
    begun, gate = [], asyncio.Event()

    async def read():
        begun.append(watch.epoch)
        await gate.wait()

    watch = Watch()
    freshness = Freshness(read, bound_seconds=5, monotonic=watch.monotonic, epoch=watch.read_epoch)
    first = asyncio.create_task(freshness.ensure())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watch.change()
    later = [asyncio.create_task(freshness.ensure()) for _ in range(50)]
    await asyncio.sleep(0)
    assert begun == [1]
    gate.set()
    await asyncio.gather(first, *later)
    assert begun == [1, 2]
    assert freshness.holds()


async def test_a_change_during_a_read_is_not_covered_by_it():
    watch = Watch()

    async def read():
        watch.change()

    freshness = Freshness(read, bound_seconds=5, monotonic=watch.monotonic, epoch=watch.read_epoch)
    await freshness.ensure()
    assert not freshness.holds()


async def test_after_a_failed_read_calls_are_refused_at_once_for_a_moment():
    tries = []

    async def read():
        tries.append(watch.now)
        raise SourceUnavailable("gone")

    watch = Watch()
    freshness = Freshness(read, bound_seconds=5, monotonic=watch.monotonic, epoch=watch.read_epoch)
    for _ in range(20):
        with pytest.raises(SourceUnavailable):
            await freshness.ensure()
    assert len(tries) == 1
    watch.now += 0.2
    with contextlib.suppress(SourceUnavailable):
        await freshness.ensure()
    assert len(tries) == 2


def test_an_epoch_is_seen_by_another_process_and_outlives_its_creation(tmp_path):
    create_epoch(tmp_path / "epoch")
    epoch = NodeEpoch(tmp_path / "epoch")
    entropy = CountingEntropy()
    program = (
        "import sys, pathlib, mandat.storage.postgres.node_epoch as n\n"
        "epoch = n.NodeEpoch(pathlib.Path(sys.argv[1]))\n"
        "for line in sys.stdin: print(epoch.read(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "epoch")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        for _ in range(3):
            epoch.change(entropy)
            create_epoch(tmp_path / "epoch")
            print("?", file=child.stdin, flush=True)
            assert int(child.stdout.readline()) == epoch.read() != 0
        child.stdin.close()


def test_the_way_to_the_source_imports_no_orm():
    program = "import sys, mandat.storage.postgres.grant_source; print([n for n in sys.modules if 'sqlalchemy' in n])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
