"""What a node's log says about replication: once when it is lost, once when it is back."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mandat.server.configuration.reading import load_config
from mandat.server.layout import layout_of
from mandat.server.problems import Problem
from mandat.server.supervision.database_watch import refuse_unreplicated, report_replication
from support.postgres_cluster import Cluster
from support.serving import configuration
from support.waiting import wait_for

pytestmark = pytest.mark.slow


async def test_the_log_tells_once_when_replication_is_lost_and_once_when_it_is_back(tmp_path: Path) -> None:
    cluster = Cluster()
    try:
        storage = f'storage = "{cluster.url("postgres")}"\n[postgres]\nha = true\n'
        file = configuration(tmp_path, 8700, more=storage)
        config, layout = load_config(file), layout_of(load_config(file), file)
        with pytest.raises(Problem, match="synchronous_standby_names"):
            await refuse_unreplicated(config, layout)
        cluster.replicate_synchronously()
        await refuse_unreplicated(config, layout)
        with capture_logs() as logs:
            reporting = asyncio.create_task(report_replication(config, layout, every_seconds=0.02))
            cluster.standby.stop()
            await asyncio.to_thread(wait_for, lambda: len(logs) == 1, what="the loss in the log")
            cluster.standby.start()
            await asyncio.to_thread(wait_for, lambda: len(logs) == 2, what="the return in the log")
            reporting.cancel()
        assert [one["log_level"] for one in logs] == ["error", "info"]
        assert "no synchronous standby" in logs[0]["problem"]
    finally:
        cluster.close()


async def test_where_nobody_asked_for_it_nothing_is_looked_at(tmp_path: Path) -> None:
    file = configuration(tmp_path, 8700, more='storage = "postgresql://mandat@127.0.0.1:1/mandat"\n')
    config, layout = load_config(file), layout_of(load_config(file), file)
    await refuse_unreplicated(config, layout)
    await asyncio.wait_for(report_replication(config, layout), 1)
