"""Listening sockets: the public ones, which outlive reloads, and the private ones between the processes of a node."""

import resource
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mandat.server.configuration.addresses import split_address
from mandat.server.configuration.reading import Config
from mandat.server.problems import Problem

BACKLOG = 1024
PUBLIC_BACKLOG = 4096

DESCRIPTORS = 65_536
"""For each process: a worker's most connections (`Limits.max_connections`), as many to upstreams, and files."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """What the supervisor binds once and keeps across reloads.

    `plain` for HTTP and `tls` for HTTPS, when configured, go to every gateway; `asked` to the forward-auth processes,
    `observed` to the metrics process.
    """

    plain: socket.socket
    tls: socket.socket | None
    asked: socket.socket | None = None
    observed: socket.socket | None = None

    def close(self) -> None:
        """Gives the ports back."""
        self.plain.close()
        for listener in (self.tls, self.asked, self.observed):
            if listener is not None:
                listener.close()

    def as_options(self) -> dict[str, object]:
        """What a child is told, so that `inherited_listeners` finds them."""
        return {"listener_fd": self.plain.fileno(), "tls_listener_fd": self.tls.fileno() if self.tls else None}

    def fds(self) -> tuple[int, ...]:
        """What a child inherits."""
        return tuple(listener.fileno() for listener in (self.plain, self.tls) if listener is not None)


def inherited_listeners(options: Mapping[str, object]) -> Listeners:
    """For the child's side: the listeners that the supervisor handed down."""
    tls_fd = options["tls_listener_fd"]
    return Listeners(
        plain=socket.socket(fileno=int(str(options["listener_fd"]))),
        tls=None if tls_fd is None else socket.socket(fileno=int(str(tls_fd))),
    )


def listen_publicly(config: Config) -> Listeners:
    """Binds what `listen`, `tls.listen`, `forward_auth.listen` and `metrics.listen` say.

    Raises:
        Problem: a port is taken or an address is not this machine's.
    """
    bound: list[socket.socket] = []

    def bind(key: str, address: str) -> socket.socket | None:
        if address:
            bound.append(_bind(address, hint=f"(`{key}`; a demo's --port)"))
            return bound[-1]
        return None

    try:
        plain = bind("listen", config.listen)
        assert plain is not None
        return Listeners(
            plain,
            bind("tls.listen", config.tls.listen),
            bind("forward_auth.listen", config.forward_auth.listen),
            bind("metrics.listen", config.metrics.listen),
        )
    except Problem:
        for listener in bound:
            listener.close()
        raise


def allow_many_descriptors() -> None:
    """Raises this process's bound, and that of its children, as far as the system allows.

    The usual 1,024 are used up by as many clients that only connect and wait.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bind(address: str, *, hint: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # SO_REUSEADDR only lets a restart follow at once; SO_REUSEPORT would lose connections on reload (design.md 2).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(PUBLIC_BACKLOG)
    except OSError as fault:
        listener.close()
        raise Problem(
            f"Cannot listen on {address} ({fault.strerror}); stop what uses it, or choose another port {hint}."
        ) from None
    listener.setblocking(False)
    return listener


def listen_privately(path: Path) -> socket.socket:
    """A listening unix socket at `path` that only this user may connect to; replaces what a dead process left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
