"""Makes one call with exactly the bytes of a case, and reads one answer."""

import contextlib
import json
import socket
from dataclasses import dataclass, field

from doors.table import CALLER, Case


@dataclass(frozen=True)
class Answer:
    """What came back. `status` 0: the connection was closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> dict[str, str]:
        """The wire's error body; empty when the answer has none."""
        try:
            decoded = json.loads(self.body)
        except ValueError:
            return {}
        return decoded if isinstance(decoded, dict) else {}

    @property
    def code(self) -> str | None:
        return self.error.get("errorCode")

    @property
    def details(self) -> str:
        return f"{self.error.get('details')} {self.body[:80]!r}"


def call(port: int, case: Case) -> Answer:
    """Makes the call from CALLER, on a connection of its own."""
    return exchange(port, case.request(), is_head=case.method == "HEAD")


def exchange(port: int, request: bytes, *, is_head: bool = False, source: str = CALLER) -> Answer:
    """Sends these bytes and reads one final answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0)) as connection:
        # A door may refuse before it has read everything; its answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        reader = connection.makefile("rb")
        try:
            return _read(reader, is_head=is_head)
        except (ConnectionResetError, TimeoutError):
            return Answer(0)


def _read(reader, *, is_head: bool) -> Answer:  # type: ignore[no-untyped-def]
    while True:
        line = reader.readline()
        if not line.startswith(b"HTTP/1."):
            return Answer(0)
        status = int(line.split(b" ")[1])
        headers: dict[str, str] = {}
        while (field := reader.readline().rstrip(b"\r\n")) != b"":
            name, _, value = field.partition(b":")
            plain = name.decode("latin-1").lower()
            # A fault of a door would show as a repeated field; two that are equal count too.
            assert plain not in headers or plain in ("vary", "via", "server"), plain
            headers[plain] = value.strip().decode("latin-1")
        if status >= 200:
            break
    if is_head or status in (204, 304):
        return Answer(status, headers)
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(reader.readline().split(b";")[0], 16):
            body += reader.read(size + 2)[:-2]
        return Answer(status, headers, body)
    length = headers.get("content-length")
    return Answer(status, headers, reader.read() if length is None else reader.read(int(length)))
