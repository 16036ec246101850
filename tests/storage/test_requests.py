"""Interface suite: `RequestStore`."""

from ipaddress import ip_network

from mandat.authority.interfaces import RequestLimits, TooManyRequests
from mandat.protocol.access_rule import AccessRule
from support.storage import DAY, NOW, hash_of


async def test_a_request_is_found_by_its_token_as_it_was_asked(anywhere):
    rules = [AccessRule("PUT", "/ip/192.0.2.0%2F29/réverse"), AccessRule("GET", '/"*\\')]
    networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
    asked = await anywhere.ask(name="mine", rules=rules, networks=networks)
    found = await anywhere.stores.requests.find_request(hash_of("mine token"))
    assert found == asked
    assert found.rules == tuple(rules)
    assert found.allowed_networks == tuple(networks)


async def test_no_networks_and_any_network_are_kept_apart(anywhere):
    await anywhere.ask(name="any", networks=None)
    await anywhere.ask(name="none", networks=[])
    assert (await anywhere.stores.requests.find_request(hash_of("any token"))).allowed_networks is None
    assert (await anywhere.stores.requests.find_request(hash_of("none token"))).allowed_networks == ()


async def test_an_unknown_token_is_a_miss(stores):
    assert await stores.requests.find_request(hash_of("nobody's")) is None


async def test_an_expired_request_is_found_until_it_is_pruned(anywhere):
    await anywhere.ask(name="old", expires=NOW + 10)
    await anywhere.ask(name="young", expires=NOW + DAY)
    assert await anywhere.stores.requests.find_request(hash_of("old token")) is not None
    assert await anywhere.stores.requests.prune_requests(expired_before=NOW + 11) == 1
    assert await anywhere.stores.requests.find_request(hash_of("old token")) is None
    assert await anywhere.stores.requests.find_request(hash_of("young token")) is not None


async def test_forgetting_twice_is_harmless(anywhere):
    asked, other = await anywhere.ask(name="mine"), await anywhere.ask(name="other")
    for request_id in (asked.id, asked.id, 2**63, 0):
        await anywhere.stores.requests.forget_request(request_id)
    assert await anywhere.stores.requests.find_request(hash_of("mine token")) is None
    assert await anywhere.stores.requests.find_request(hash_of("other token")) == other


async def test_one_address_reaches_its_own_limit_first(anywhere):
    limits = RequestLimits(per_address=2, per_application=3)
    for _ in range(2):
        await anywhere.ask(address="192.0.2.1", limits=limits)
    assert await anywhere.ask(address="192.0.2.1", limits=limits) == TooManyRequests("address")
    assert not isinstance(await anywhere.ask(address="192.0.2.2", limits=limits), TooManyRequests)
    assert await anywhere.ask(address="192.0.2.2", limits=limits) == TooManyRequests("application")


async def test_limits_of_one_application_are_no_matter_of_another(anywhere):
    limits = RequestLimits(per_address=1, per_application=1)
    await anywhere.ask(1, limits=limits)
    assert not isinstance(await anywhere.ask(2, limits=limits), TooManyRequests)


async def test_an_answered_request_makes_room(anywhere):
    limits = RequestLimits(per_address=1, per_application=1)
    asked = await anywhere.ask(limits=limits)
    await anywhere.stores.requests.forget_request(asked.id)
    assert not isinstance(await anywhere.ask(limits=limits), TooManyRequests)


async def test_an_expired_request_makes_room_before_it_is_pruned(anywhere):
    limits = RequestLimits(per_address=1, per_application=1)
    await anywhere.ask(limits=limits, expires=NOW + 10)
    assert await anywhere.ask(limits=limits, at=NOW + 9) == TooManyRequests("address")
    assert not isinstance(await anywhere.ask(limits=limits, at=NOW + 10), TooManyRequests)


async def test_a_refused_request_is_not_stored(anywhere):
    limits = RequestLimits(per_address=1, per_application=1)
    await anywhere.ask(limits=limits)
    await anywhere.ask(name="refused", limits=limits)
    assert await anywhere.stores.requests.find_request(hash_of("refused token")) is None
