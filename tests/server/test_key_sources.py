"""Keys that do not come from files: how they are read, refused, kept apart and rotated."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import KeysNotThere, KeySource, authority_keys, parse_source
from mandat.server.layout import layout_of
from mandat.server.operations.key_rotation import Finished, Kind, Unfinished, create_key_documents, rotate_keys
from mandat.server.operations.verification import verify_installation
from mandat.server.problems import Problem
from support.ports import free_ports
from support.serving import configuration, serve_to_the_end, serving

pytestmark = pytest.mark.slow

READ = (
    "import sys; from mandat.server.key_sources import parse_source;"
    " print(parse_source('keys', sys.argv[1]).read(hidden=frozenset({'KEYS_OF_MINE'})).decode())"
)


def script(text: str, *arguments: str) -> str:
    """A setting that runs a piece of Python."""
    return "command:" + shlex.join([sys.executable, "-c", text, *arguments])


def printing(file: Path) -> str:
    """A setting that prints a file."""
    return "command:" + shlex.join(["cat", str(file)])


def outside(folder: Path, port: int, *, authority: str, node: str) -> Path:
    """An installation whose keys are not in files."""
    return configuration(folder, port, more=f"keys = {json.dumps(authority)}\ngateway_keys = {json.dumps(node)}\n")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The operator's key store: a folder, for the commands that print from it."""
    create_key_documents(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def config(tmp_path: Path, store: Path) -> Path:
    """An installation with keys from commands."""
    return outside(
        tmp_path / "node",
        free_ports(1),
        authority=printing(store / "authority.json"),
        node=printing(store / "node.json"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(3)", "failed with status 3; run it by hand"),
        ("import time; time.sleep(60)", "did not end within 0.5 s; run it by hand"),
        ("import os, sys, time; os.close(1); time.sleep(60)", "did not end within 0.5 s"),
        ("print('x' * 100_000)", "printed more than 65536 bytes; let it print the keys and no more"),
    ],
)
def test_a_command_that_hands_over_nothing_is_refused_with_what_to_do(text: str, said: str) -> None:
    source = parse_source("keys", script(text))
    with pytest.raises(KeysNotThere, match=said):
        source.read(hidden=frozenset(), seconds=0.5 if "sleep" in text else 30)


def test_a_program_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeysNotThere, match=r"/no/such/vault.* cannot be run \(No such file or directory\); correct it"):
        parse_source("keys", "command:/no/such/vault read").read(hidden=frozenset())


def test_a_command_gets_no_variable_of_ours(tmp_path: Path) -> None:
    show = "import json, os; print(json.dumps(sorted(os.environ)))"
    runs = f"import os; os.environ.update(MANDAT_STORAGE_PASSWORD='a', KEYS_OF_MINE='b', VAULT_ADDR='c'); {READ}"
    source = script(show)
    done = subprocess.run([sys.executable, "-c", runs, source], capture_output=True, text=True, check=True)
    names = json.loads(done.stdout)
    assert "VAULT_ADDR" in names
    assert {"MANDAT_STORAGE_PASSWORD", "KEYS_OF_MINE"}.isdisjoint(names)


@pytest.mark.parametrize("text", ["", "{}", "secret-of-the-store", '{"format": 1, "signing_key": "c2VjcmV0"}'])
def test_rubbish_is_refused_and_not_quoted(tmp_path: Path, store: Path, text: str) -> None:
    file = tmp_path / "rubbish"
    file.write_text(text)
    layout = layout_of(
        load_config(outside(tmp_path, 8700, authority=printing(file), node=printing(store / "node.json"))),
        tmp_path / "mandat.toml",
    )
    with pytest.raises(
        KeysNotThere, match=r"for `keys` are no such keys .*put the content of authority\.json"
    ) as fault:
        authority_keys(layout.keys, layout.key_sources)
    assert "c2VjcmV0" not in fault.value.sentence
    assert "secret-of" not in fault.value.sentence


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeysNotThere, match="The variable NO_SUCH_KEYS, which `keys` names, is not set; put the keys"):
        KeySource("keys", variable="NO_SUCH_KEYS").read(hidden=frozenset())


@pytest.mark.parametrize(
    ("authority", "node", "said"),
    [
        ("env:A", "", "gateway_keys must be"),
        ("env:A", "keys", "gateway_keys must be"),
        ("keys", "env:B", "gateway_keys is set, but keys is a folder"),
        ("env:A", "env:A", "name the same place"),
        ("env:1 2", "env:B", "needs the name of a variable"),
        ("command:", "env:B", "keys must be"),
        ("command:cat 'x", "env:B", "quotation mark"),
        ("file:", "", "names no folder"),
        ("vault:secret/mandat", "", "begins with none of"),
        ("ENV:A", "env:B", "begins with none of"),
        ("file:data", "", "the same folder"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, authority: str, node: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        load_config(outside(tmp_path, 8700, authority=authority, node=node))


def test_a_folder_may_be_called_a_file(tmp_path: Path) -> None:
    file = configuration(tmp_path, 8700, more='keys = "file:secret"\n')
    assert layout_of(load_config(file), file).keys == tmp_path / "secret"


def put(store: Path, files: tuple[Path, ...]) -> None:
    """What the operator does with what a rotation wrote."""
    for file in files:
        (store / file.name).write_bytes(file.read_bytes())


@pytest.mark.parametrize(("kind", "turns"), [("sealing", 2), ("signing", 2), ("mac", 3), ("forms", 2)])
def test_a_rotation_takes_turns_with_the_operator(
    config: Path, store: Path, tmp_path: Path, kind: Kind, turns: int
) -> None:
    before = {file.name: file.read_bytes() for file in store.iterdir()}
    for turn in range(1, turns):
        with pytest.raises(Unfinished) as half:
            rotate_keys(config, kind, into=tmp_path / "new")
        assert not isinstance(half.value, Finished)
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in half.value.files)
        assert turn > 1 or {file.name: file.read_bytes() for file in store.iterdir()} == before
        put(store, half.value.files)
        assert verify_installation(config) == []
    with pytest.raises(Finished) as last:
        rotate_keys(config, kind, into=tmp_path / "new")
    assert last.value.done.left == ()
    put(store, last.value.files)
    assert verify_installation(config) == []


@pytest.mark.parametrize("kind", ["sealing", "signing"])
@pytest.mark.parametrize("stored", ["node.json", "authority.json"])
def test_half_a_turn_is_not_built_upon(config: Path, store: Path, tmp_path: Path, kind: Kind, stored: str) -> None:
    with pytest.raises(Unfinished) as half:
        rotate_keys(config, kind, into=tmp_path / "new")
    put(store, tuple(file for file in half.value.files if file.name == stored))
    with pytest.raises(Unfinished) as again:
        rotate_keys(config, kind, into=tmp_path / "again")
    assert not isinstance(again.value, Finished), "no row may be touched while one side lacks the new key"
    put(store, again.value.files)
    with pytest.raises(Finished) as last:
        rotate_keys(config, kind, into=tmp_path / "last")
    put(store, last.value.files)
    assert verify_installation(config) == []


def test_keys_outside_need_a_folder_to_write_into_and_files_do_not(config: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="name a folder with --into"):
        rotate_keys(config, "sealing")
    with pytest.raises(Problem, match="leave --into out"):
        rotate_keys(configuration(tmp_path / "files", 8700), "sealing", into=tmp_path / "new")


def test_keys_of_another_database_are_refused_before_anything_serves(config: Path, store: Path, tmp_path: Path) -> None:
    with pytest.raises(Unfinished):
        rotate_keys(config, "forms", into=tmp_path / "new")
    create_key_documents(tmp_path / "other")
    put(store, tuple((tmp_path / "other").iterdir()))
    refused = serve_to_the_end(config)
    assert refused.returncode != 0
    assert "belongs to other keys than the ones configured" in refused.stderr


def test_gateway_keys_of_another_database_are_refused_too(config: Path, store: Path, tmp_path: Path) -> None:
    create_key_documents(tmp_path / "other")
    put(store, (tmp_path / "other" / "node.json",))
    refused = serve_to_the_end(config)
    assert refused.returncode != 0
    assert "belongs to other keys than those of `gateway_keys`; put the content of the node.json" in refused.stderr


def test_a_node_with_keys_from_the_environment_serves_and_keeps_them_apart(tmp_path: Path, store: Path) -> None:
    port = free_ports(1)
    config = outside(tmp_path / "node", port, authority="env:KEYS_A", node="env:KEYS_N")
    documents = {"KEYS_A": (store / "authority.json").read_text(), "KEYS_N": (store / "node.json").read_text()}
    refused = serve_to_the_end(config, environment={"KEYS_A": documents["KEYS_A"]})
    assert "The variable KEYS_N, which `gateway_keys` names, is not set; put the keys there." in refused.stderr
    with serving(config, port, environment=documents) as node:
        assert node.answers()
        of_gateway, of_authority = (
            Path(f"/proc/{node.pids(name)[0]}/environ").read_bytes() for name in ("gateway-0", "authority")
        )
        assert b"KEYS_A=" not in of_gateway and b"KEYS_N=" in of_gateway
        assert b"KEYS_A=" in of_authority and b"KEYS_N=" not in of_authority
        private = json.loads(documents["KEYS_A"])["signing_key"]
        assert private not in (config.parent / "serve.log").read_text()
        assert not (tmp_path / "node" / "env:KEYS_A").exists()
