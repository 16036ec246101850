"""Starting on PostgreSQL, and what stops it: one sentence each, and no password in it."""

import os
import subprocess
from pathlib import Path

import pytest

from support.ports import free_ports
from support.postgres import PostgresServer
from support.redis import RedisServer
from support.serving import command, configuration, serving
from support.waiting import wait_for

pytestmark = pytest.mark.slow

SECRET = "geheim-und-lang"


def refusal_of(config: Path) -> str:
    """The one sentence of a refused start, made with a password in the environment."""
    environment = {**os.environ, "MANDAT_STORAGE_PASSWORD": SECRET, "MANDAT_REDIS_PASSWORD": SECRET}
    outcome = subprocess.run(command(config), capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert outcome.returncode == 1, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert SECRET not in outcome.stderr + outcome.stdout
    return " ".join(line for line in outcome.stderr.splitlines() if line.strip() and not line.startswith("{"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('storage = "postgresql://mandat@127.0.0.1:1/mandat"\n', "look whether it runs"),
        (f'storage = "postgresql://mandat:{SECRET}@127.0.0.1/mandat"\n', "MANDAT_STORAGE_PASSWORD"),
        ('storage = "postgresql://[nowhere"\n', "is not one"),
        ('[redis]\nurl = "http://127.0.0.1"\n', "redis.url"),
        (f'[redis]\nurl = "redis://:{SECRET}@127.0.0.1"\n', "MANDAT_REDIS_PASSWORD"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, more: str, says: str) -> None:
    assert says in refusal_of(configuration(tmp_path, free_ports(1), more=more))


def test_a_redis_server_that_forgets_is_refused(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru")
    try:
        assert "noeviction" in refusal_of(
            configuration(tmp_path, free_ports(1), more=f'[redis]\nurl = "{server.url}"\n')
        )
    finally:
        server.stop()


def test_a_node_serves_and_others_are_refused_for_what_is_wrong_with_them(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    port, database = free_ports(2), postgres.empty_database()
    storage = f'storage = "{postgres.url(database)}"\n'
    config = configuration(tmp_path / "node", port, more=storage)
    with serving(config, port) as running:
        assert running.answers()
        assert not (tmp_path / "node" / "data").exists()
        same_run = configuration(tmp_path / "other", port + 1, more=f'{storage}run = "{tmp_path}/node/run"\n')
        assert "give each node a `run` of its own" in refusal_of(same_run)
        other_keys = configuration(tmp_path / "stranger", port + 1, more=storage)
        assert "is missing" in refusal_of(other_keys)
        assert not (tmp_path / "stranger" / "keys" / "authority.json").exists()
        made_for_another = configuration(tmp_path / "third", port + 1)
        with serving(made_for_another, port + 1):
            pass
        made_for_another.write_text(made_for_another.read_text() + storage)
        assert "belongs to other keys" in refusal_of(made_for_another)
    postgres.execute("UPDATE alembic_version SET version_num = 'from_the_future'", database=database)
    assert "newer Mandat" in refusal_of(config)


def test_an_emptied_run_folder_stops_a_reload_and_not_the_running_node(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    port = free_ports(1)
    config = configuration(tmp_path, port, more=f'storage = "{postgres.url(postgres.empty_database())}"\n')
    with serving(config, port) as running:
        (tmp_path / "run" / "epoch").unlink()
        running.process.send_signal(1)
        wait_for(lambda: any("reload refused" in event["event"] for event in running.events()), what="the refusal")
        assert running.answers()
