"""The gateway runs on uvloop, so its tests do: transports differ from asyncio's in more than speed."""

import asyncio

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()
