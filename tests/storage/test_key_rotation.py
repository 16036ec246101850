"""Rotating keys: nothing is refused meanwhile, a cut-off rotation goes on, and the old key is of no use afterwards."""

import asyncio

import pytest

from mandat.authority.interfaces import StorageUnavailable
from mandat.core.credential import CredentialState
from mandat.enforcement.interfaces import MISSING, SourceUnavailable
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.files import node_key_file
from mandat.storage.keys.keyrings import load_node_keys
from mandat.storage.keys.sealing import RowSigner
from mandat.storage.stores.credential_rows import signed_bytes
from support.rotating import CutOff, Rotating, open_live
from support.storage import NOW, Scene, entry, hash_of

pytestmark = pytest.mark.slow


@pytest.fixture
def running(installation):
    """An authority that runs all the time."""
    storage = open_live(installation)
    yield Scene(storage)
    storage.close()


@pytest.fixture
def gateway(installation):
    """A gateway that runs all the time."""
    source = SqliteGrantSource(
        installation.data,
        load_node_keys(installation.keys_folder),
        newer_keys=node_key_file(installation.keys_folder).newer,
    )
    yield source
    source.close()


@pytest.fixture(params=["sealing", "signing"])
def rotating(installation, request):
    """A rotation of each kind."""
    return Rotating(installation, request.param)


async def settled(running, number=0):
    """An application with two secrets, a running delegation and a revoked one."""
    application = await running.application(key=f"shop{number}")
    await running.stores.secrets.add_secret(application.id, "t" * 32, most=2, at=NOW, audit=entry())
    await running.delegation(application.id, name=f"kept{number}")
    await running.revoke(await running.delegation(application.id, name=f"gone{number}"))
    return application


async def check_all(gateway, numbers):
    """A gateway knows everything as it was granted."""
    for number in numbers:
        assert (await gateway.find_application(f"shop{number}")).secrets == (b"s" * 32, b"t" * 32)
        assert (await gateway.find_grant(hash_of(f"kept{number} key"))).state is CredentialState.VALIDATED
        assert (await gateway.find_grant(hash_of(f"gone{number} key"))).state is CredentialState.REVOKED


async def test_a_rotation_changes_every_row_and_nothing_they_say(installation, running, gateway, rotating):
    await settled(running)
    keys = installation.keys
    told = installation.read("grants", "SELECT count(*) FROM audit")[0][0]
    done = await rotating()
    assert (done.rows, done.left, done.went_on) == ({"sealing": 2, "signing": 3}[rotating.kind], (), False)
    await check_all(gateway, [0])
    assert installation.verify() == []
    now = installation.keys
    assert (now.sealing_keys == keys.sealing_keys) is (rotating.kind == "signing")
    assert (now.public_key == keys.public_key) is (rotating.kind == "sealing")
    rows = installation.read("grants", "SELECT account FROM audit ORDER BY id")[told:]
    assert rows and set(rows) == {("",)}


async def test_a_running_authority_and_a_running_gateway_go_on(installation, running, gateway, rotating):
    await settled(running, 0)
    await check_all(gateway, [0])
    await rotating()
    await settled(running, 1)
    await running.stores.secrets.end_secret(1, 1, ends=NOW, at=NOW, audit=entry())
    await check_all(gateway, [1])
    newest = installation.keys.sealing_keys[-1].id
    assert installation.read("grants", "SELECT DISTINCT key_id FROM application_secrets") == [(newest,)]
    assert installation.verify() == []


@pytest.mark.parametrize("step", range(6))
async def test_a_rotation_that_is_cut_off_anywhere_serves_everybody_and_goes_on(
    installation, running, gateway, rotating, step
):
    await settled(running, 0)
    try:
        await rotating(stop_before=step)
    except CutOff:
        pass
    else:
        assert step >= len(rotating.steps)
        return
    await settled(running, 1)
    await check_all(gateway, [0, 1])
    fresh = installation.source()
    await check_all(fresh, [0, 1])
    fresh.close()
    assert installation.verify() == []
    done = await rotating()
    assert done.went_on is (step > 0)
    await settled(running, 2)
    await check_all(gateway, [0, 1, 2])
    assert installation.verify() == []
    keys, node = installation.keys, load_node_keys(installation.keys_folder)
    assert (len(keys.sealing_keys), len(node.sealing_keys)) == (1, 1)
    assert (keys.earlier_public_keys, node.earlier_public_keys, keys.next_signing_key) == ((), (), None)


async def test_writers_at_work_leave_nothing_behind_with_the_old_key(installation, running, rotating, gateway):
    stop = asyncio.Event()
    made = []

    async def work(worker):
        while not stop.is_set():
            number = f"{worker}-{len(made)}"
            made.append(number)
            await settled(running, number)

    workers = [asyncio.create_task(work(number)) for number in range(4)]
    while len(made) < 20:
        await asyncio.sleep(0.005)
    await rotating()
    count = len(made)
    while len(made) < count + 10:
        await asyncio.sleep(0.005)
    stop.set()
    await asyncio.gather(*workers)
    await check_all(gateway, made)
    newest = installation.keys.sealing_keys[-1].id
    assert installation.read("grants", "SELECT DISTINCT key_id FROM application_secrets") == [(newest,)]
    assert installation.verify() == []


async def test_after_a_signing_rotation_the_old_key_signs_nothing(installation, running, gateway):
    await settled(running)
    old = RowSigner(installation.keys.signing_key)
    await Rotating(installation, "signing")()
    row = installation.read_named("grants", "SELECT * FROM credentials WHERE id = 2") | {"state": "validated"}
    forged = old.sign(signed_bytes(row))
    installation.alter("grants", "UPDATE credentials SET state = 'validated', signature = ? WHERE id = 2", forged)
    with pytest.raises(SourceUnavailable):
        await gateway.find_grant(hash_of("gone0 key"))
    assert "credentials 2" in {finding.where for finding in installation.verify()}


async def test_a_forged_row_is_not_signed_again_and_is_named(installation, running, gateway):
    await settled(running)
    installation.alter("grants", "UPDATE credentials SET account = 'customer-2' WHERE id = 1")
    done = await Rotating(installation, "signing")()
    assert [text.split(" is ")[0] for text in done.left] == ["credential 1"]
    with pytest.raises(SourceUnavailable):
        await gateway.find_grant(hash_of("kept0 key"))


async def test_a_gateway_forgets_everything_when_the_signing_key_is_replaced(installation, running, gateway):
    await settled(running)
    await gateway.find_grant(hash_of("kept0 key"))
    await Rotating(installation, "signing")()
    assert gateway.peek_grant(hash_of("kept0 key")) is MISSING


async def test_a_key_file_that_cannot_be_read_stops_changes_and_heals(installation, running):
    await settled(running)
    file = installation.keys_folder / "authority.json"
    whole = file.read_text()
    file.write_text("{")
    with pytest.raises(StorageUnavailable, match=r"authority\.json cannot be used"):
        await settled(running, 1)
    file.write_text(whole)
    await settled(running, 2)
    assert installation.verify() == []


async def test_seals_of_before_stay_good_and_an_old_key_cannot_seal_again(installation, running):
    await settled(running)
    old = RowSigner(installation.keys.signing_key)
    await Rotating(installation, "signing")()
    last = installation.read("grants", "SELECT id, digest FROM audit_seals ORDER BY id DESC LIMIT 1")[0]
    installation.alter("grants", "DROP TRIGGER audit_seals_no_update")
    installation.alter("grants", "UPDATE audit_seals SET signature = ? WHERE id = ?", old.sign(last[1]), last[0])
    assert {finding.where for finding in installation.verify()} == {f"audit_seals {last[0]}"}
