"""Key files."""

import json
import stat

import pytest

from mandat.storage.faults import FolderNotWritable, KeysExist, KeysMissing, KeysUnreadable
from mandat.storage.keys.keyrings import create_keys, has_keys, load_authority_keys, load_node_keys
from support.storage import Installation

FILES = ("authority.json", "node.json")


def test_what_was_created_is_what_is_loaded(installation):
    authority, node = load_authority_keys(installation.keys_folder), load_node_keys(installation.keys_folder)
    assert node.authority_public_key == authority.public_key
    assert node.sealing_keys == authority.sealing_keys
    secrets = {authority.signing_key, authority.mac_key, authority.form_token_secret, authority.sealing_keys[0].key}
    assert len(secrets | {node.assertion_key}) == 5
    assert {len(secret) for secret in secrets} == {32}


def test_a_node_has_nothing_to_sign_a_grant_with(installation):
    authority = load_authority_keys(installation.keys_folder)
    text = (installation.keys_folder / "node.json").read_text()
    private = json.loads((installation.keys_folder / "authority.json").read_text())
    assert private["signing_key"] not in text
    assert private["mac_key"] not in text
    assert authority.signing_key != load_node_keys(installation.keys_folder).assertion_key


def test_only_the_owner_may_read_them(installation):
    assert stat.S_IMODE(installation.keys_folder.stat().st_mode) == 0o700
    for name in FILES:
        assert stat.S_IMODE((installation.keys_folder / name).stat().st_mode) == 0o600
    assert {file.name for file in installation.keys_folder.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_existing_keys_are_never_overwritten(installation, name):
    before = {file: (installation.keys_folder / file).read_bytes() for file in FILES}
    (installation.keys_folder / ({*FILES} - {name}).pop()).unlink()
    with pytest.raises(KeysExist):
        create_keys(installation.keys_folder, installation.entropy)
    assert (installation.keys_folder / name).read_bytes() == before[name]


@pytest.mark.parametrize(("name", "load"), [("authority.json", load_authority_keys), ("node.json", load_node_keys)])
def test_a_missing_file_says_what_to_do(installation, name, load):
    (installation.keys_folder / name).unlink()
    with pytest.raises(KeysMissing, match=r"restore it from your backup") as fault:
        load(installation.keys_folder)
    assert name in fault.value.sentence
    assert has_keys(installation.keys_folder)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 2}', '{"format": 1}', "\x00"])
@pytest.mark.parametrize(("name", "load"), [("authority.json", load_authority_keys), ("node.json", load_node_keys)])
def test_a_damaged_file_says_what_to_do(installation, name, load, content):
    (installation.keys_folder / name).write_text(content)
    with pytest.raises(KeysUnreadable, match="restore it from your backup"):
        load(installation.keys_folder)


@pytest.mark.parametrize("value", [None, 5, "", "AAAA", "not base64", [], {"key": 1}, [{"id": 1, "key": "AAAA"}]])
@pytest.mark.parametrize("member", ["signing_key", "mac_key", "form_token_secret", "sealing_keys"])
def test_a_damaged_member_says_what_to_do(installation, member, value):
    file = installation.keys_folder / "authority.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {member: value}))
    with pytest.raises(KeysUnreadable):
        load_authority_keys(installation.keys_folder)


def test_secrets_do_not_show_in_a_representation(installation):
    authority, node = load_authority_keys(installation.keys_folder), load_node_keys(installation.keys_folder)
    shown = repr(authority) + repr(node)
    for secret in (authority.signing_key, authority.mac_key, authority.sealing_keys[0].key, node.assertion_key):
        assert repr(secret)[2:-1] not in shown


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotWritable, match="cannot be written"):
        create_keys(tmp_path / "file" / "keys", Installation.create(tmp_path / "other").entropy)
