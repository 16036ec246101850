"""The operator's commands for history, where the databases are on PostgreSQL: export, heads, check, erase, verify."""

import json
from pathlib import Path

import pytest

from mandat.cli.main import run
from mandat.storage.postgres.gateway_role import TABLES
from support.ports import free_ports
from support.postgres import PostgresServer
from support.postgres_cluster import run_program
from support.serving import serve_to_the_end
from torture.cluster import Node

pytestmark = pytest.mark.slow


class Shell:
    """Runs commands on one installation."""

    def __init__(self, node: Node, capsys: pytest.CaptureFixture[str]) -> None:
        self._node = node
        self._capsys = capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        """What a command says; `status` is how it is to end."""
        more = [] if words[:2] == ("audit", "check") else ["--config", str(self._node.config)]
        assert run([*words, *more]) == status
        said = self._capsys.readouterr()
        return said.out + said.err


@pytest.fixture
def mandat(node: Node, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(node, capsys)


@pytest.fixture(scope="module")
def node(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Node:
    made = Node(tmp_path_factory.mktemp("node"), free_ports(1))
    made.set_up([made.origin], f'storage = "{postgres.url(postgres.empty_database())}"\n')
    made.populate()
    return made


def test_history_is_exported_witnessed_and_erased(mandat: Shell, tmp_path: Path) -> None:
    heads, export = tmp_path / "heads.json", tmp_path / "export.jsonl"
    heads.write_text(mandat("audit", "heads", "--json"))
    export.write_text(mandat("audit", "export", "--all"))
    events = [json.loads(line).get("event") for line in export.read_text().splitlines()]
    assert "application.registered" in events
    assert "Whole and unchanged" in mandat("audit", "check", str(export), "--heads", str(heads))
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(line for line in export.open() if "application.registered" not in line))
    assert "Not as it was written" in mandat("audit", "check", str(cut), "--heads", str(heads), status=1)
    accounts = json.loads(mandat("account", "list", "--json"))
    account = next(one["account"] for one in accounts if one["login"] == "customer3")
    assert "close it first" in mandat("audit", "erase", "--account", account, status=1)
    mandat("account", "close", "customer3")
    assert "Erased" in mandat("audit", "erase", "--account", account)
    assert json.loads(mandat("verify", "--json")) == {"findings": []}


def test_a_gateway_role_without_rights_stops_the_start_with_the_grant_to_run(
    node: Node, postgres: PostgresServer
) -> None:
    postgres.execute("DROP ROLE IF EXISTS gateways_of_test")
    postgres.execute("CREATE ROLE gateways_of_test LOGIN")
    storage = node.config.read_text()
    node.config.write_text(
        storage
        + '[postgres]\ngateway_url = "'
        + storage.split('"')[-2].replace("postgres@", "gateways_of_test@")
        + '"\n'
    )
    said = serve_to_the_end(node.config).stderr
    assert f"GRANT SELECT ON {', '.join(TABLES)} TO gateways_of_test;" in said
    database = storage.split("@/")[1].split("?")[0]
    postgres.execute(f"GRANT SELECT ON {', '.join(TABLES)} TO gateways_of_test", database=database)
    with node.started() as running:
        assert running.answers()
    node.config.write_text(storage)
    postgres.execute("DROP OWNED BY gateways_of_test", database=database)
    postgres.execute("DROP ROLE gateways_of_test")


def test_backups_are_postgresqls_own_and_restoring_one_is_finished_here(
    mandat: Shell, node: Node, postgres: PostgresServer, tmp_path: Path
) -> None:
    assert "pg_dump" in mandat("backup", str(tmp_path / "backup.tar"), status=1)
    assert "restore with pg_restore into another database" in mandat("restore", "backup.tar", status=1)
    dump, restored = f"{postgres.socket_folder}/{node.port}.dump", postgres.empty_database()
    run_program("pg_dump", "--format=custom", "--file", dump, node.config.read_text().split('"')[5])
    mandat("app", "delete", node.key)
    run_program("pg_restore", "--no-owner", "--dbname", postgres.url(restored), dump)
    told = json.loads(mandat("restore", postgres.url(restored), "--list-only", "--json"))
    assert told["since"]["applications_deleted"] == [1]
    assert "Now set `storage`" in mandat("restore", postgres.url(restored))
    text = node.config.read_text()
    node.config.write_text(text.replace(text.split('"')[5], postgres.url(restored)))
    assert json.loads(mandat("verify", "--json")) == {"findings": []}
    assert json.loads(mandat("app", "list", "--json")) == []
    node.config.write_text(text)
    postgres.drop(restored)
