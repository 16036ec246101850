"""Starting: what is made, and what stops a start with a sentence that says what to do."""

import os
import socket
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.nature import CountingEntropy, SetClock
from mandat.marketplace.problems import StartRefused
from mandat.marketplace.program import run
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.store.database import DATABASE_FILE
from mandat.marketplace.store.registrations import Registration
from mandat.marketplace.wiring import KEY_FILE, Marketplace, open_marketplace


def start(settings: MarketplaceSettings) -> Marketplace:
    return open_marketplace(settings, clock=SetClock(), entropy=CountingEntropy())


def refusal(settings: MarketplaceSettings) -> str:
    with pytest.raises(StartRefused) as caught:
        start(settings).close()
    return caught.value.sentence


def test_the_key_file_is_readable_by_its_owner_only(settings: MarketplaceSettings) -> None:
    start(settings).close()
    assert stat.S_IMODE((settings.folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.folder.stat().st_mode) == 0o700


def test_what_was_kept_is_there_after_a_restart(settings: MarketplaceSettings) -> None:
    first = start(settings)
    first.site.registrations.save(Registration("A" * 16, "B" * 32, "http://provider.test"), at=1.0)
    first.close()
    second = start(settings)
    found = second.site.registrations.find()
    second.close()
    assert found is not None and found.application_secret == "B" * 32


def test_the_secret_is_not_in_the_files(settings: MarketplaceSettings) -> None:
    opened = start(settings)
    opened.site.registrations.save(Registration("A" * 16, "Secret" * 5, "http://provider.test"), at=1.0)
    opened.close()
    assert all(b"SecretSecret" not in file.read_bytes() for file in settings.folder.iterdir())


def test_keys_for_another_endpoint_are_not_used(settings: MarketplaceSettings) -> None:
    first = start(settings)
    first.site.registrations.save(Registration("A" * 16, "B" * 32, "http://provider.test"), at=1.0)
    first.close()
    second = start(replace(settings, endpoint="ovh-eu"))
    found = second.site.registrations.find()
    second.close()
    assert found is None


def test_a_second_marketplace_on_the_same_folder_is_refused(settings: MarketplaceSettings) -> None:
    first = start(settings)
    sentence = refusal(settings)
    first.close()
    assert "Another marketplace runs on" in sentence


def test_a_missing_key_file_is_refused_and_not_replaced(settings: MarketplaceSettings) -> None:
    start(settings).close()
    (settings.folder / KEY_FILE).unlink()
    assert "is missing" in refusal(settings)
    assert not (settings.folder / KEY_FILE).exists()


def test_a_damaged_key_file_is_refused(settings: MarketplaceSettings) -> None:
    start(settings).close()
    (settings.folder / KEY_FILE).write_bytes(b"short")
    assert "is damaged" in refusal(settings)


def test_the_key_file_of_another_database_is_refused(settings: MarketplaceSettings) -> None:
    opened = start(settings)
    opened.site.registrations.save(Registration("A" * 16, "B" * 32, "http://provider.test"), at=1.0)
    opened.close()
    (settings.folder / KEY_FILE).write_bytes(os.urandom(32))
    assert "not the one this database was made with" in refusal(settings)


def test_a_database_of_a_newer_version_is_refused(settings: MarketplaceSettings) -> None:
    start(settings).close()
    with sqlite3.connect(settings.folder / DATABASE_FILE) as connection:
        connection.execute("PRAGMA user_version=99")
    assert "newer than this program knows" in refusal(settings)


def test_a_file_that_is_no_database_is_refused(settings: MarketplaceSettings) -> None:
    start(settings).close()
    for file in settings.folder.glob(DATABASE_FILE + "*"):
        file.unlink()
    (settings.folder / DATABASE_FILE).write_bytes(b"not a database at all" * 100)
    assert "cannot be used" in refusal(settings)


def test_a_folder_that_cannot_be_made_is_refused(settings: MarketplaceSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be made" in refusal(replace(settings, folder=tmp_path / "file" / "market"))


@pytest.mark.parametrize(
    "public_url", ["shop.example", "ftp://shop.example", "https://shop.example/path", "https://u@x.y"]
)
def test_a_public_url_that_is_none_is_refused(settings: MarketplaceSettings, public_url: str) -> None:
    assert "must be scheme and host" in refusal(replace(settings, public_url=public_url))


def test_listening_beyond_this_machine_needs_a_public_url(settings: MarketplaceSettings) -> None:
    assert "give the public URL" in refusal(replace(settings, public_url=None, host="0.0.0.0"))


def test_an_unknown_endpoint_is_refused(settings: MarketplaceSettings) -> None:
    assert "Unknown endpoint" in refusal(replace(settings, endpoint="ovh-mars"))


def test_a_taken_port_is_refused_before_anything_is_made(settings: MarketplaceSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartRefused, match="choose another port"):
            run(replace(settings, port=taken.getsockname()[1]))
    assert not settings.folder.exists()


def test_on_loopback_no_setup_code_is_needed(settings: MarketplaceSettings) -> None:
    opened = start(settings)
    opened.close()
    assert opened.site.setup_code is None


def test_beyond_this_machine_a_setup_code_is_made(settings: MarketplaceSettings) -> None:
    opened = start(replace(settings, host="192.0.2.1"))
    opened.close()
    assert opened.site.setup_code is not None and len(opened.site.setup_code) == 16


def test_a_setup_code_can_be_wished_for(settings: MarketplaceSettings) -> None:
    opened = start(replace(settings, new_setup_code=True))
    opened.close()
    assert opened.site.setup_code is not None


def test_repeating_writes_is_for_providers_that_know_idempotency_keys(settings: MarketplaceSettings) -> None:
    assert settings.may_repeat()
    assert not replace(settings, endpoint="ovh-eu").may_repeat()
    assert not replace(settings, endpoint="https://eu.api.ovh.com/1.0").may_repeat()
    assert replace(settings, endpoint="ovh-eu", repeats_safely=True).may_repeat()
