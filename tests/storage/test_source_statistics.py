"""What a grant source says about itself."""

import pytest

from mandat.enforcement.counting.statistics import CacheStatistics
from mandat.storage.postgres.freshness import LeaseTerms
from mandat.storage.postgres.grant_source import PostgresGrantSource
from support.storage import Scene, hash_of


async def test_hits_loads_evictions_and_entries_are_counted(installation, scene):
    await scene.application()
    source = installation.source(most_grants=1)
    for name in ("one", "two"):
        await scene.delegation(name=name)
        await source.find_grant(hash_of(f"{name} key"))
    source.peek_grant(hash_of("two key"))
    source.peek_grant(hash_of("one key"))
    await source.find_grant(hash_of("unknown"))
    statistics = source.statistics()
    assert statistics.grants == CacheStatistics(entries=1, hits=1, loads=3, evictions=1)
    assert statistics.applications == CacheStatistics(0, 0, 0, 0)
    assert (statistics.is_fresh, statistics.age_seconds) == (True, 0.0)
    source.close()


async def test_a_source_whose_files_are_gone_is_not_fresh(installation, scene):
    source = installation.source()
    assert source.statistics().is_fresh
    source.close()
    installation.data.rename(installation.data.parent / "elsewhere")
    assert not source.statistics().is_fresh


@pytest.mark.parametrize("bound_seconds", [0.0, 5.0])
async def test_on_postgres_the_age_is_that_of_the_last_read(on_postgres, bound_seconds):
    now = 100.0
    storage = on_postgres.open(tell_node=lambda: None)
    await Scene(storage).application(key="K" * 16)
    source = PostgresGrantSource(
        on_postgres.place,
        on_postgres.node_keys,
        terms=LeaseTerms(poll_seconds=0.2, bound_seconds=bound_seconds),
        monotonic=lambda: now,
        epoch=lambda: 1,
    )
    assert not source.statistics().is_fresh
    await source.find_application("K" * 16)
    assert source.statistics().is_fresh
    assert source.statistics().applications.loads == 1
    now += 5.5
    assert source.statistics().age_seconds == 5.5
    assert not source.statistics().is_fresh
    source.close()
    storage.close()
