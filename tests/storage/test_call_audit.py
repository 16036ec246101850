"""What was done with each key: counted by minute, exported by whose it is, forgotten with age and with the account."""

import asyncio

import pytest

from mandat.enforcement.interfaces import Use
from mandat.server.operations.audit import export_calls
from mandat.storage.operations.audit_export import Scope, reading_calls
from mandat.storage.operations.call_export import export_calls as tallies
from support.storage import DAY, NOW, Scene

MINUTE = NOW - NOW % 60


@pytest.fixture
def storage(installation):
    """The stores of one installation."""
    opened = installation.open()
    yield opened
    opened.close()


def exported(installation, *scope):
    with reading_calls(installation.data) as (grants, usage):
        first, *lines, last = tallies(grants, usage, Scope(*scope), at=NOW)
    assert first == {"type": "export", "format": 1, "scope": Scope(*scope).text, "at": NOW, "of": "calls"}
    assert last == {"type": "end", "entries": len(lines)}
    return lines


async def test_calls_of_a_minute_are_one_line_for_each_rule_outcome_and_address(installation, storage):
    scene = Scene(storage)
    application = await scene.application(key="shop")
    kept = await scene.delegation(application.id)
    use = Use(kept.id, "GET /me", "192.0.2.1", calls=2, at=MINUTE, secret_id=1)
    await storage.usage.record([use, Use(kept.id, "", "192.0.2.9", 4, MINUTE + 1, outcome="not_granted_call")])
    await storage.usage.record([Use(kept.id, "GET /me", "192.0.2.1", calls=3, at=MINUTE + 59, secret_id=2)])
    await storage.usage.record([Use(kept.id, "GET /me", "192.0.2.1", calls=1, at=MINUTE + 60)])
    found = {
        (one["minute"], one["rule"], one["outcome"], one["address"]): one["calls"] for one in exported(installation)
    }
    assert found == {
        (MINUTE, "", "not_granted_call", "192.0.2.9"): 4,
        (MINUTE, "GET /me", "permitted", "192.0.2.1"): 5,
        (MINUTE + 60, "GET /me", "permitted", "192.0.2.1"): 1,
    }


async def test_a_refused_call_is_no_use(storage):
    await storage.usage.record([Use(1, "", "192.0.2.9", 4, NOW, outcome="replayed")])
    assert await storage.usage.last_uses([1]) == {}


async def test_an_export_has_the_calls_of_its_scope_only(installation, storage):
    scene = Scene(storage)
    ids = {}
    for key, account in (("shop", "anna"), ("shop", "bert"), ("bank", "anna")):
        if key not in ids:
            ids[key] = (await scene.application(key=key)).id
        credential = await scene.delegation(ids[key], account=account)
        await storage.usage.record([Use(credential.id, "GET /me", "192.0.2.1", 1, NOW)])
    pairs = lambda *scope: [(one["application"], one["account"]) for one in exported(installation, *scope)]  # noqa: E731
    assert pairs() == [("shop", "anna"), ("shop", "bert"), ("bank", "anna")]
    assert pairs("anna") == [("shop", "anna"), ("bank", "anna")]
    assert pairs(None, "shop") == [("shop", "anna"), ("shop", "bert")]
    assert pairs("nobody") == []


async def test_old_calls_are_forgotten_and_young_ones_kept(installation, storage):
    scene = Scene(storage)
    kept = await scene.delegation((await scene.application(key="shop")).id)
    await storage.usage.record([Use(kept.id, "-", "a", 1, MINUTE), Use(kept.id, "-", "a", 1, MINUTE + DAY)])
    assert await storage.retention.forget_calls(before=MINUTE + 60) == 1
    assert [one["minute"] for one in exported(installation)] == [MINUTE + DAY]
    assert (await storage.usage.last_uses([kept.id]))[kept.id].calls == 2


@pytest.mark.parametrize(
    "use", [Use(1, "", "a", 1, NOW, outcome="\ud800"), Use(1, "", "a", 0, NOW, outcome="replayed")]
)
async def test_what_no_gateway_would_report_is_left_out(installation, storage, use):
    await storage.usage.record([use])
    assert installation.read("usage", "SELECT count(*) FROM call_tallies") == [(0,)]


def test_the_command_reads_the_configured_databases(installation):
    config = installation.folder / "mandat.toml"
    config.write_text('public_urls = ["http://127.0.0.1:8700"]\n')
    asyncio.run(_record_one(installation))
    first, line, last = export_calls(config, account="customer-1", application=None)
    assert (first["of"], line["application"], last["entries"]) == ("calls", "shop", 1)


async def _record_one(installation):
    storage = installation.open()
    scene = Scene(storage)
    kept = await scene.delegation((await scene.application(key="shop")).id)
    await storage.usage.record([Use(kept.id, "GET /me", "192.0.2.1", 1, NOW)])
    storage.close()
