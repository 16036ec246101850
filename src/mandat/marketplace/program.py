"""The marketplace as a program: listens, serves, stops on SIGTERM and SIGINT."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from mandat.marketplace.pages.application import make_application
from mandat.marketplace.problems import StartRefused
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.wiring import Marketplace, open_marketplace

STOP_SECONDS = 3
"""Running pages get this long; streams of progress end at once."""


def run(
    settings: MarketplaceSettings,
    *,
    on_ready: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.time,
    entropy: Callable[[int], bytes] = os.urandom,
) -> None:
    """Runs a marketplace until it is told to stop.

    Args:
        on_ready: called once pages are served; the engine starts meanwhile.
        clock: Unix seconds.
        entropy: gives unpredictable bytes.

    Raises:
        StartRefused: it cannot start; its sentence says why and what to do.
    """
    listener = _listen(settings)
    try:
        marketplace = open_marketplace(settings, clock=clock, entropy=entropy)
    except BaseException:
        listener.close()
        raise
    try:
        if settings.setup_code is None and marketplace.site.setup_code is not None:
            sys.stderr.write(f"Setup code for {marketplace.site.origin}/setup: {marketplace.site.setup_code}\n")
        _Server(_config(settings, marketplace), marketplace, on_ready).run(sockets=[listener])
    finally:
        marketplace.close()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn, saying when it serves, and ending streams as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, marketplace: Marketplace, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._marketplace = marketplace
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._marketplace.engine.launch()
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again in the end, which would end the process before the engine has stopped.
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._marketplace.site.announcer.close()
        super().handle_exit(sig, frame)


def _config(settings: MarketplaceSettings, marketplace: Marketplace) -> uvicorn.Config:
    return uvicorn.Config(
        make_application(marketplace.site),
        lifespan="off",
        access_log=False,  # addresses of return pages hold a value that is nobody else's business
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=32 * 1024,
        limit_concurrency=500,
    )


def _listen(settings: MarketplaceSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as fault:
        raise StartRefused(
            f"The marketplace cannot listen on {settings.host}:{settings.port} ({fault.strerror}); choose another port."
        ) from None
    listener.listen(512)
    listener.set_inheritable(False)
    return listener
