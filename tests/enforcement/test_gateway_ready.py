"""A worker says that it is ready when connections are accepted, and not before."""

import socket

from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import running_gateway


def _accepts(listener: socket.socket) -> bool:
    return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


async def test_ready_is_said_once_and_only_when_the_worker_accepts() -> None:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    said: list[bool] = []
    assert not _accepts(bound)
    async with (
        RecordingUpstream() as api,
        running_gateway(api.address, listener=bound, on_ready=lambda: said.append(_accepts(bound))) as gateway,
    ):
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert answer.status == 200
    assert said == [True]
