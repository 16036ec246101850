"""Counters of use."""

from mandat.authority.values import LastUse
from mandat.enforcement.interfaces import Use
from support.storage import NOW


def use(credential_id=1, *, rule="GET /me", address="192.0.2.1", calls=1, at=NOW):
    return Use(credential_id, rule, address, calls, at)


async def test_reports_add_up_and_the_latest_tells_when_and_where(storage):
    await storage.usage.record([use(calls=2), use(rule="PUT /me", address="192.0.2.2", calls=3, at=NOW + 5)])
    await storage.usage.record([use(calls=1, at=NOW + 1)])
    assert await storage.usage.last_uses([1]) == {1: LastUse(at=NOW + 5, address="192.0.2.2", calls=6)}


async def test_each_rule_is_counted(installation, storage):
    await storage.usage.record([use(calls=2), use(calls=1, at=NOW + 9), use(rule="PUT /me")])
    rows = installation.read("usage", "SELECT rule, calls, first_at, last_at FROM rule_uses ORDER BY rule")
    assert rows == [("GET /me", 3, NOW, NOW + 9), ("PUT /me", 1, NOW, NOW)]


async def test_only_used_credentials_have_an_entry(storage):
    await storage.usage.record([use(1), use(3)])
    assert set(await storage.usage.last_uses([1, 2, 3, 2**70, -1])) == {1, 3}
    assert await storage.usage.last_uses([]) == {}


async def test_thousands_are_read_at_once(storage):
    await storage.usage.record([use(number) for number in range(1, 40_001)])
    assert len(await storage.usage.last_uses(range(1, 40_001))) == 40_000


async def test_reports_no_gateway_makes_are_left_out(storage):
    await storage.usage.record([use(2**63), use(0), use(calls=2**63), use(rule="\ud800"), use(address="a\x00"), use(7)])
    assert set(await storage.usage.last_uses([7, 1])) == {7}
    await storage.usage.record([])
