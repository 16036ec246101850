"""The operator's commands on an installation that does not run: verify, rotate, secrets."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mandat.cli.main import run
from mandat.server.locks import take_lock
from support.serving import configuration


class Shell:
    """Runs commands on one installation."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = configuration(folder, 8700)
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)."""
        status = run([*words, "--config", str(self.config)])
        printed = self._capsys.readouterr()
        return status, printed.out, printed.err

    def json(self, *words: str) -> Any:
        """What a command that must succeed prints."""
        status, out, err = self(*words, "--json")
        assert status == 0, err
        return json.loads(out)

    def alter(self, file: str, statement: str) -> None:
        """Plain SQL behind the authority's back."""
        connection = sqlite3.connect(self.folder / "data" / f"{file}.sqlite")
        with connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """An installation with an operator and his application."""
    made = Shell(tmp_path, capsys)
    made.json("account", "create", "--login", "olga", "--password", "a long password", "--role", "operator")
    made.json("app", "create", "--name", "Shop", "--description", "Sells")
    return made


def test_a_table_of_one_is_headed_in_the_singular(shell: Shell) -> None:
    assert shell("app", "list")[1].startswith("1 application ")
    assert shell("account", "list")[1].startswith("1 login ")
    shell.json("account", "create", "--login", "carla", "--password", "a long password")
    assert shell("account", "list")[1].startswith("2 logins ")


def test_an_untouched_installation_verifies(shell: Shell) -> None:
    assert shell("verify")[:2] == (0, "Everything is as the authority wrote it.\n")
    assert shell.json("verify") == {"findings": []}


def test_the_first_bad_row_of_each_table_is_named_with_what_to_do(shell: Shell) -> None:
    shell.alter("grants", "UPDATE applications SET status = 'trusted'")
    shell.alter("requests", "UPDATE users SET role = 'customer'")
    status, out, _ = shell("verify")
    assert status == 1
    assert "users 1: the authority's MAC does not fit.\n  These logins are refused." in out
    assert "applications 1: the authority's MAC does not fit (1 more; --json lists them).\n" in out
    assert "Nobody can call with these applications." in out


@pytest.mark.parametrize(
    ("file", "statement", "where"),
    [
        ("grants", "INSERT INTO application_secrets VALUES (9, 9, 'k', x'00', 1, NULL)", "application_secrets 9"),
        ("requests", "DELETE FROM accounts", "users 1"),
        ("requests", "INSERT INTO request_tallies VALUES (1, '192.0.2.1', 3)", "request_tallies 1 192.0.2.1"),
        ("requests", "INSERT INTO sessions VALUES (x'00', 7, 1, 1, 'a', x'00')", "sessions"),
    ],
)
def test_what_refers_to_nothing_is_named(shell: Shell, file: str, statement: str, where: str) -> None:
    shell.alter(file, statement)
    status, out, _ = shell("verify", "--json")
    assert status == 1
    assert where in {finding["where"] for finding in json.loads(out)["findings"]}


def test_verifying_without_keys_says_what_to_do(shell: Shell) -> None:
    (shell.folder / "keys" / "authority.json").unlink()
    status, _, err = shell("verify")
    assert status == 1
    assert "restore it from your backup of the keys" in err


@pytest.mark.parametrize("kind", [[], ["--signing"]])
def test_keys_rotate_and_everything_still_verifies(shell: Shell, kind: list[str]) -> None:
    before = (shell.folder / "keys" / "authority.json").read_text()
    assert shell.json("keys", "rotate", *kind)["rows"] == 1
    assert (shell.folder / "keys" / "authority.json").read_text() != before
    assert shell.json("verify") == {"findings": []}


def test_a_prepared_rotation_goes_on(shell: Shell) -> None:
    assert shell.json("keys", "rotate", "--prepare") == {"kind": "sealing", "prepared": True}
    assert "already prepared" not in shell("keys", "rotate", "--prepare")[1]
    assert shell.json("keys", "rotate")["went_on"] is True
    assert shell.json("keys", "rotate")["went_on"] is False


def test_a_mac_key_is_prepared_twice_accepted_first_and_used_then(shell: Shell) -> None:
    keys = shell.config.parent / "keys" / "authority.json"
    before = json.loads(keys.read_text())
    assert shell.json("keys", "rotate", "--mac", "--prepare") == {"kind": "mac", "prepared": True}
    accepted = json.loads(keys.read_text())
    assert accepted["mac_key"] == before["mac_key"] != accepted["next_mac_key"]
    assert shell.json("keys", "rotate", "--mac", "--prepare") == {"kind": "mac", "prepared": True}
    used = json.loads(keys.read_text())
    assert (used["mac_key"], used["earlier_mac_keys"]) == (accepted["next_mac_key"], [before["mac_key"]])
    assert shell.json("keys", "rotate", "--mac")["went_on"] is True
    assert shell.json("verify") == {"findings": []}


def test_kinds_of_keys_are_rotated_one_after_the_other(shell: Shell) -> None:
    status, _, said = shell("keys", "rotate", "--mac", "--forms")
    assert status != 0
    assert "do one after the other" in said


def test_a_secret_is_replaced_and_listed_and_ended(shell: Shell) -> None:
    key = shell.json("app", "list")[0]["key"]
    made = shell.json("app", "rotate", key)
    assert len(made["secret"]) == 32
    assert [one["id"] for one in shell.json("app", "secrets", key)] == [1, 2]
    assert shell("app", "rotate", key)[0] == 1
    assert shell("app", "end-secret", key, "1", "--at", "2020-01-01")[0] == 1
    assert shell("app", "end-secret", key, "1", "--at", "soon")[0] == 2
    assert shell("app", "end-secret", key, "1")[:2] == (0, "Secret 1 signs no longer.\n")
    assert shell("app", "end-secret", key, "2")[0] == 1
    assert shell.json("app", "rotate", key, "--overlap-days", "7")["old_ends"] > 0
    assert shell.json("verify") == {"findings": []}


def test_a_backup_is_restored_and_what_was_taken_back_is_listed(shell: Shell, tmp_path: Path) -> None:
    key = shell.json("app", "list")[0]["key"]
    file = str(tmp_path / "mandat.tar")
    assert shell.json("backup", file)["last_audit"] == 1
    assert shell("backup", file)[0] == 1
    shell("app", "suspend", key)
    listed = shell("restore", file, "--list-only")[1]
    assert "Applications suspended since: 1\nThat stays so.\nNothing was changed." in listed
    assert shell.json("restore", file)["since"]["applications_suspended"] == [1]
    assert shell.json("app", "list")[0]["status"] != "active"
    assert shell.json("verify") == {"findings": []}
    shell.json("restore", file, "--revive")
    assert shell.json("app", "list")[0]["status"] == "active"


def test_nothing_is_restored_while_a_supervisor_runs(shell: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "mandat.tar")
    shell.json("backup", file)
    lock = take_lock(shell.folder / "data" / "supervisor.lock")
    assert lock is not None
    with lock:
        status, _, err = shell("restore", file)
    assert status == 1
    assert "stop it first" in err


def test_history_is_exported_and_checked_and_erased(shell: Shell, tmp_path: Path) -> None:
    account = shell.json("account", "list")[0]["account"]
    export, heads = tmp_path / "export.jsonl", tmp_path / "heads.json"
    heads.write_text(json.dumps(shell.json("audit", "heads")))
    export.write_text(shell("audit", "export", "--all")[1])
    assert "olga" in export.read_text()
    checked = run(["audit", "check", str(export), "--heads", str(heads)])
    assert checked == 0
    export.write_text(export.read_text().replace("user:olga", "user:eve"))
    assert run(["audit", "check", str(export)]) == 1
    assert shell("audit", "export")[0] == 2
    status, out, err = shell("audit", "export", "--account", "nobody")
    assert (status, len(out.splitlines())) == (0, 2)
    assert "Nothing is written about nobody" in err
    assert shell("audit", "erase", "--account", account)[0] == 1
    shell("account", "close", "olga")
    assert shell.json("audit", "erase", "--account", account)["kept"] == 0
    export.write_text(shell("audit", "export", "--all")[1])
    assert "olga" not in export.read_text()
    assert shell.json("verify") == {"findings": []}
    assert run(["audit", "check", str(export), "--heads", str(heads)]) == 0
