"""The tallies of waiting requests say what the rows say, whatever happened before."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mandat.authority.interfaces import RequestLimits
from support.storage import NOW, Installation, Scene

ROWS = """
    SELECT application_id, address, count(*) FROM permission_requests GROUP BY 1, 2
    UNION ALL SELECT application_id, '*', count(*) FROM permission_requests GROUP BY 1
"""

steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 2), st.sampled_from(["a", "b"]), st.integers(1, 30)),
        st.tuples(st.just("forget"), st.integers(1, 12)),
        st.tuples(st.just("prune"), st.integers(1, 30)),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_tallies_are_the_counts_of_the_rows(what):
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation.create(Path(folder))
        storage = installation.open()
        try:
            asyncio.run(_play(Scene(storage), what))
        finally:
            storage.close()
        tallies = installation.read("requests", "SELECT application_id, address, waiting FROM request_tallies")
        assert sorted(tallies) == sorted(installation.read("requests", ROWS))


async def _play(scene, what):
    limits = RequestLimits(per_address=3, per_application=5)
    for step in what:
        match step:
            case ("ask", application_id, address, seconds):
                await scene.ask(application_id, address=address, expires=NOW + seconds, at=NOW + 5, limits=limits)
            case ("forget", request_id):
                await scene.stores.requests.forget_request(request_id)
            case ("prune", seconds):
                await scene.stores.requests.prune_requests(expired_before=NOW + seconds)


async def test_pruning_more_than_one_job_takes_leaves_nothing(installation, scene):
    await asyncio.gather(*(scene.ask(expires=NOW) for _ in range(2_300)))
    assert await scene.stores.requests.prune_requests(expired_before=NOW + 1) == 2_300
    assert installation.read("requests", "SELECT * FROM request_tallies") == []
