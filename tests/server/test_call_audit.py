"""What a running node notes of calls: who signed them, never who did not."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mandat.server.operations.audit import export_calls
from support.ports import free_ports
from support.waiting import wait_for
from torture.load import Customer, Installation

pytestmark = pytest.mark.slow


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A running node."""
    made = Installation.create(tmp_path / "node", free_ports(1))
    with made.running():
        yield made


def call(installation: Installation, key: str, path: str, *, sent_to: str | None = None) -> int:
    """A call signed for `path`, and made to it or to another one."""
    headers = installation.signature(key, "GET", f"{installation.origin}/1.0{path}")
    return httpx2.get(f"{installation.origin}/1.0{sent_to or path}", headers=headers, timeout=15).status_code


def outcomes(installation: Installation) -> Counter[tuple[str, str, str]]:
    """Calls by rule, outcome and address, as an export tells them."""
    lines = [*export_calls(installation.config, account=None, application=installation.key)][1:-1]
    found: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        found[line["rule"], line["outcome"], line["address"]] += line["calls"]
    return found


def test_permits_and_refusals_of_authentic_calls_are_told_and_forged_ones_are_not(installation: Installation) -> None:
    customer = Customer(installation)
    customer.log_in()
    key = customer.confirm()
    customer.close()
    assert key is not None
    assert call(installation, key, "/auth/currentCredential", sent_to="/auth/details") == 400
    assert [call(installation, key, "/auth/currentCredential") for _ in range(3)] == [200] * 3
    assert [call(installation, key, "/nowhere") for _ in range(2)] == [403] * 2
    wait_for(lambda: sum(outcomes(installation).values()) >= 5, what="the reports of five calls")
    assert outcomes(installation) == {
        ("-", "permitted", "127.0.0.1"): 3,
        ("", "not_granted_call", "127.0.0.1"): 2,
    }
    assert key not in str([*export_calls(installation.config, account=None, application=None)])
