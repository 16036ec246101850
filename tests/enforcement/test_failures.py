"""An address that fails to authenticate too often is not looked at for a while; nobody else pays for it."""

import pytest

from doubles.nature import SetClock
from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import running_gateway
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.settings import Limits


def _failing(failures: AddressFailures, address: str) -> int:
    """How often the address can fail before it is not looked at any more."""
    count = 0
    while failures.allows(address):
        failures.note(address)
        count += 1
    return count


def test_an_address_may_fail_as_often_as_the_burst_and_then_as_fast_as_it_refills() -> None:
    clock = SetClock()
    failures = AddressFailures(clock, burst=5, refill_per_second=2)
    assert _failing(failures, "203.0.113.9") == 5
    clock.now += 1
    assert _failing(failures, "203.0.113.9") == 2
    clock.now += 1000
    assert _failing(failures, "203.0.113.9") == 5


def test_another_address_has_a_budget_of_its_own() -> None:
    failures = AddressFailures(SetClock(), burst=5, refill_per_second=2)
    _failing(failures, "203.0.113.9")
    assert failures.allows("203.0.113.10")


@pytest.mark.parametrize("other", ["2001:db8:1:2::", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"])
def test_the_addresses_of_one_ipv6_network_share_a_budget(other: str) -> None:
    failures = AddressFailures(SetClock(), burst=5, refill_per_second=2)
    _failing(failures, "2001:db8:1:2::1")
    assert not failures.allows(other)


@pytest.mark.parametrize("other", ["2001:db8:1:3::1", "2001:db8:1::1", "::1", "2001:db8::1:2:0:0:1", "1::2:3:4:5:6:7"])
def test_other_ipv6_networks_do_not(other: str) -> None:
    failures = AddressFailures(SetClock(), burst=5, refill_per_second=2)
    _failing(failures, "2001:db8:1:2::1")
    assert failures.allows(other)


def test_a_gap_of_one_group_is_read_exactly() -> None:
    failures = AddressFailures(SetClock(), burst=5, refill_per_second=2)
    _failing(failures, "1::2:3:4:5:6:7")
    assert not failures.allows("1:0:2:3::")
    assert failures.allows("1::")


def test_the_memory_is_bounded_and_forgets_the_oldest_failures_first() -> None:
    clock = SetClock()
    failures = AddressFailures(clock, burst=1, refill_per_second=0.001, max_addresses=16)
    for number in range(40):
        failures.note(f"203.0.113.{number}")
    assert len(failures._full_again_at) <= 16
    assert failures.allows("203.0.113.0")
    assert not failures.allows("203.0.113.39")


async def test_wrong_keys_and_signatures_use_up_the_budget_and_well_signed_calls_do_not() -> None:
    limits = Limits(failures_burst=3, failures_per_second=0.001)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        good = gateway.signed("GET", "/1.0/me")
        unknown_key = good.replace(b"7kbG7Bk7S9Nt7ZSV", b"0000000000000000")
        wrong = good.replace(b"/1.0/me ", b"/1.0/me?x ")
        no_route = gateway.signed("GET", "/1.0/nowhere")
        unsigned = gateway.request("GET", "/1.0/me")
        before = [(await gateway.ask(request)).status for request in (no_route, unsigned, unknown_key, wrong, good) * 1]
        last = await gateway.ask(gateway.signed_by("0" * 32, "GET", "/1.0/me"))
        refused = await gateway.ask(good)
        time = await gateway.ask(gateway.request("GET", "/1.0/auth/time"))
    assert before == [404, 401, 403, 400, 200]
    assert (last.status, last.code) == (403, "NOT_CREDENTIAL")
    assert (refused.status, refused.code) == (429, "TOO_MANY_FAILURES")
    assert "retry-after" in refused.headers
    assert time.status == 200
