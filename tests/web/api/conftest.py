from collections.abc import AsyncIterator

import pytest

from doubles.api_client import ApiClient, open_client
from doubles.authority import AuthorityWorld


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with open_client(AuthorityWorld()) as client:
        yield client
