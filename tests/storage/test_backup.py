"""Backup and restore: one moment of all files, nothing revoked comes back, and a cut-off restore goes on."""

import asyncio
import json
import os
import shutil
import stat
import tarfile

import pytest

from mandat.authority.values import ApplicationStatus, AuditEvent, Role, Session
from mandat.core.credential import CredentialState
from mandat.storage.engine.migration import RESTORE_MARKER
from mandat.storage.faults import RestoreUnfinished
from mandat.storage.keys.keyrings import create_keys, load_authority_keys
from mandat.storage.operations.backup import BackupFault, unpack_backup, write_backup
from mandat.storage.operations.restore import Restore
from support.rotating import Rotating
from support.storage import NOW, Installation, Scene, entry, hash_of


@pytest.fixture
def backup_file(tmp_path_factory):
    return tmp_path_factory.mktemp("backups") / "mandat.tar"


def back_up(installation, file):
    return write_backup(installation.data, file, at=NOW, version="0")


async def restore(installation, file, **options):
    installation.clock.now += 1
    work = Restore(installation.data, installation.keys, clock=installation.clock, entropy=installation.entropy)
    return await work.restore(file, **options)


class Working:
    """The authority's side of an installation for the length of a block."""

    def __init__(self, installation):
        self.installation = installation

    async def __aenter__(self):
        self.scene = Scene(self.installation.open())
        return self.scene

    async def __aexit__(self, *_):
        self.scene.stores.close()


async def settle(installation):
    """Two applications, a delegation of each, one waiting request, a user with a session."""
    async with Working(installation) as scene:
        for number in (1, 2):
            await scene.application(key=f"application{number}")
            await scene.delegation(number, name=f"kept{number}")
        await scene.delegation(1, name="doomed")
        await scene.ask(name="waiting")
        await scene.stores.users.add_user(
            login="alice", account="customer-1", role=Role.CUSTOMER, password_hash="old", at=NOW, address="a"
        )
        await scene.stores.sessions.add_session(Session(hash_of("session"), 1, NOW, NOW, "a"))


async def states(installation):
    async with Working(installation) as scene:
        return {one.id: one.state for one in await scene.stores.credentials.list_credentials()}


async def test_a_restored_backup_is_what_was_backed_up(installation, backup_file):
    await settle(installation)
    manifest = back_up(installation, backup_file)
    assert stat.S_IMODE(backup_file.stat().st_mode) == 0o600
    shutil.rmtree(installation.data)
    done = await restore(installation, backup_file)
    assert (done.since, done.at) == (None, manifest.at)
    assert installation.verify() == []
    assert set((await states(installation)).values()) == {CredentialState.VALIDATED}
    assert installation.read("requests", "SELECT count(*) FROM sessions") == [(0,)]
    assert installation.read("requests", "SELECT count(*) FROM permission_requests") == [(1,)]


async def test_no_key_is_in_a_backup(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    whole = backup_file.read_bytes()
    keys = installation.keys
    for secret in (keys.signing_key, keys.mac_key, keys.form_token_secret, keys.sealing_keys[0].key, b"s" * 32):
        assert secret not in whole
    with tarfile.open(backup_file) as archive:
        names = set(archive.getnames())
    assert names == {"manifest.json", "grants.sqlite", "requests.sqlite", "usage.sqlite"}


async def change_everything(installation):
    """What customers, developers and the operator take back after the backup."""
    async with Working(installation) as scene:
        stores = scene.stores
        await scene.revoke(await stores.credentials.find_credential(3))
        await stores.credentials.set_allowed_networks(1, [], at=NOW, audit=entry())
        await stores.applications.set_application_status(2, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
        await stores.secrets.add_secret(1, "t" * 32, most=2, at=NOW, audit=entry())
        await stores.secrets.end_secret(1, 1, ends=NOW, at=NOW, audit=entry())
        await stores.users.set_password(1, "new", at=NOW + 1)
        await scene.answer(await stores.requests.find_request(scene.token("waiting")), state=CredentialState.REFUSED)
        await scene.delegation(1, name="newer")


async def test_what_was_taken_back_since_stays_so_and_is_listed(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    await change_everything(installation)
    done = await restore(installation, backup_file)
    since = done.since
    assert (since.revoked, since.narrowed, list(since.suspended_applications)) == ([3], {1: "[]"}, [2])
    assert (since.ended_secrets, [row["id"] for row in since.users]) == ([(1, 1)], [1])
    assert since.lost_credentials == 2
    assert installation.verify() == []
    async with Working(installation) as scene:
        stores = scene.stores
        assert (await stores.credentials.find_credential(3)).state is CredentialState.REVOKED
        assert (await stores.credentials.find_credential(1)).allowed_networks == ()
        assert (await stores.applications.find_application(2)).status is ApplicationStatus.BLOCKED
        assert (await stores.applications.find_application(1)).status is ApplicationStatus.INACTIVE
        assert (await stores.users.find_user("alice")).password_hash == "new"
        assert await stores.requests.find_request(scene.token("waiting")) is None
        fresh = await scene.delegation(1, name="after")
        assert fresh.id > 5
    assert installation.verify() == []


async def test_a_deleted_application_stays_deleted(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    async with Working(installation) as scene:
        await scene.stores.applications.delete_application(2, at=NOW, audit=entry())
    assert (await restore(installation, backup_file)).since.deleted_applications == [2]
    assert (await states(installation))[2] is CredentialState.REVOKED
    assert installation.verify() == []


async def test_revive_brings_it_back_and_looking_changes_nothing(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    await change_everything(installation)
    looked = await restore(installation, backup_file, only_look=True)
    assert looked.since.revoked == [3]
    assert (await states(installation))[3] is CredentialState.REVOKED
    await restore(installation, backup_file, revive=True)
    assert (await states(installation))[3] is CredentialState.VALIDATED
    assert installation.verify() == []


async def test_the_history_tells_the_restore_and_a_gateway_forgets_everything(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    await change_everything(installation)
    before = installation.read("grants", "SELECT max(sequence) FROM grant_changes")[0][0]
    await restore(installation, backup_file)
    assert installation.read("grants", "SELECT min(sequence) > ? FROM grant_changes WHERE at > ?", before + 1, NOW) == [
        (1,)
    ]
    events = {row[0] for row in installation.read("grants", "SELECT event FROM audit")}
    assert AuditEvent.INSTALLATION_RESTORED in events


async def test_a_backup_from_before_a_rotation_of_keys_can_be_restored(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    for kind in ("sealing", "signing", "mac"):
        await Rotating(installation, kind)()
    await restore(installation, backup_file)
    assert installation.verify() == []
    source = installation.source()
    assert (await source.find_application("application1")).secrets == (b"s" * 32,)
    source.close()


async def test_a_cut_off_exchange_keeps_mandat_from_starting_and_goes_on(installation, backup_file):
    await settle(installation)
    back_up(installation, backup_file)
    await change_everything(installation)
    await restore(installation, backup_file)
    # As if the power had gone between two renames: the marker is there, and one file is still the one of before.
    (before,) = installation.data.glob("before-restore-*")
    shutil.copy(before / "grants.sqlite", installation.data / "grants.sqlite")
    (installation.data / RESTORE_MARKER).write_text(before.name)
    with pytest.raises(RestoreUnfinished, match="run the same"):
        installation.open()
    done = await restore(installation, backup_file)
    assert done.since.revoked == [3]
    assert not (installation.data / RESTORE_MARKER).exists()
    assert installation.verify() == []


async def test_a_backup_while_writers_are_at_work_is_of_one_moment(installation, backup_file):
    stop, made = asyncio.Event(), []
    async with Working(installation) as scene:
        await scene.application()

        async def work(number):
            turn = 0
            while not stop.is_set():
                made.append(await scene.delegation(name=f"{number}-{turn}"))
                turn += 1

        workers = [asyncio.create_task(work(number)) for number in range(4)]
        while len(made) < 20:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(back_up, installation, backup_file)
        stop.set()
        await asyncio.gather(*workers)
    other = Installation(installation.folder / "other", installation.entropy, installation.clock)
    shutil.copytree(installation.keys_folder, other.keys_folder)
    await restore(other, backup_file)
    assert other.verify() == []
    answered = {row[0] for row in other.read("grants", "SELECT request_token_hash FROM credentials")}
    waiting = {row[0] for row in other.read("requests", "SELECT token_hash FROM permission_requests")}
    assert len(answered) >= 20
    # Each worker answers a request and then forgets it: at one moment, each has at most one that waits.
    assert len(waiting) <= 4


async def test_what_cannot_be_used_is_refused_and_nothing_changes(installation, backup_file, tmp_path):
    await settle(installation)
    back_up(installation, backup_file)
    with pytest.raises(BackupFault, match="exists already"):
        back_up(installation, backup_file)
    damaged = tmp_path / "damaged.tar"
    content = bytearray(backup_file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    (tmp_path / "text.tar").write_text("no backup")
    for file, says in (
        (damaged, "damaged"), (tmp_path / "text.tar", "no backup"), (tmp_path / "missing", "no file")
    ):  # fmt: skip
        with pytest.raises(BackupFault, match=says):
            await restore(installation, file)
    create_keys(tmp_path / "others", os.urandom)
    others = Restore(
        installation.data, load_authority_keys(tmp_path / "others"), clock=installation.clock, entropy=os.urandom
    )
    with pytest.raises(BackupFault, match="other keys"):
        await others.restore(backup_file)
    assert installation.verify() == []
    assert not (installation.data / ".restore").exists()


async def test_a_backup_of_tampered_rows_is_not_restored(installation, backup_file):
    await settle(installation)
    installation.alter("grants", "UPDATE credentials SET account = 'customer-2' WHERE id = 1")
    back_up(installation, backup_file)
    with pytest.raises(BackupFault, match="credentials 1"):
        await restore(installation, backup_file)


def test_a_member_with_another_name_is_not_unpacked(tmp_path):
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as archive:
        (tmp_path / "x").write_text(json.dumps({"format": 1}))
        archive.add(tmp_path / "x", arcname="manifest.json")
        archive.add(tmp_path / "x", arcname="../grants.sqlite")
    (tmp_path / "into").mkdir()
    with pytest.raises(BackupFault):
        unpack_backup(file, tmp_path / "into")
    assert not (tmp_path / "grants.sqlite").exists()
