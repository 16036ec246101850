import pytest

from doubles.authority import AuthorityWorld


@pytest.fixture
def world() -> AuthorityWorld:
    return AuthorityWorld()
