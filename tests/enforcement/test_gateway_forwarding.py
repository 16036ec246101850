"""What reaches an upstream is what was judged, and what reaches a client is what the upstream answered."""

import json

from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import running_gateway


async def test_a_signed_get_reaches_the_upstream_and_its_answer_the_client() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (answer.status, json.loads(answer.body)) == (200, None)
    assert [(request.method, request.target) for request in api.requests] == [("GET", "/1.0/me")]
