"""octodns-ovh, unchanged, against a running system: plan, apply, and a second plan with nothing to do."""

import ovh
import pytest
from octodns.record import Record
from octodns.zone import Zone
from octodns_ovh import OvhProvider

from support.client_keys import KeyRing, Keys, Lookup

pytestmark = pytest.mark.clients
ZONE = "other.example"
RECORDS = {
    "": {"type": "MX", "ttl": 300, "values": [{"preference": 10, "exchange": "mx.other.example."}]},
    "mx": {"type": "A", "ttl": 300, "values": ["192.0.2.25", "192.0.2.26"]},
    "www": {"type": "CNAME", "ttl": 300, "value": "other.example."},
    "_sip._tcp": {
        "type": "SRV",
        "ttl": 300,
        "values": [{"priority": 1, "weight": 2, "port": 5060, "target": "sip.other.example."}],
    },
    "txt": {"type": "TXT", "ttl": 300, "values": ["v=spf1 mx -all"]},
    "caa": {"type": "CAA", "ttl": 300, "values": [{"flags": 0, "tag": "issue", "value": "ca.example"}]},
}


@pytest.fixture
def provide(named_endpoint: str):
    def provider(keys: Keys) -> OvhProvider:
        return OvhProvider("t", named_endpoint, keys.application_key, keys.application_secret, keys.consumer_key)

    return provider


def desired(provider: OvhProvider, records: dict[str, dict[str, object]]) -> Zone:
    """What the zone shall hold: its name servers as they are, and `records`."""
    zone, current = Zone(f"{ZONE}.", []), Zone(f"{ZONE}.", [])
    provider.populate(current)
    for record in current.records:
        if record._type == "NS":
            zone.add_record(Record.new(zone, record.name, {**record.data, "type": "NS"}))
    for name, data in records.items():
        zone.add_record(Record.new(zone, name, data))
    return zone


def test_it_applies_a_plan_once_and_takes_it_back(provide, keys: KeyRing, lookup: Lookup) -> None:
    provider = provide(keys.granted())
    plan = provider.plan(desired(provider, RECORDS))
    provider.apply(plan)
    assert lookup(ZONE, "MX") == ["10 mx.other.example."]
    assert lookup("mx.other.example", "A") == ["192.0.2.25", "192.0.2.26"]
    assert lookup("www.other.example", "CNAME") == ["other.example."]
    assert lookup("_sip._tcp.other.example", "SRV") == ["1 2 5060 sip.other.example."]
    assert lookup("txt.other.example", "TXT") == ['"v=spf1 mx -all"']
    assert lookup("caa.other.example", "CAA") == ['0 issue "ca.example"']
    assert provider.plan(desired(provider, RECORDS)) is None, "a second plan finds nothing to do"
    provider.apply(provider.plan(desired(provider, {})))
    assert lookup("mx.other.example", "A") == []


def test_a_zone_that_does_not_exist_is_said_in_the_text_it_compares_with(provide, keys: KeyRing) -> None:
    """octodns compares with this text; python-ovh adds the query id to it, so that it does not find it (nor at OVH)."""
    with pytest.raises(ovh.ResourceNotFoundError) as caught:
        provide(keys.granted()).populate(Zone("nobodys.example.", []))
    assert caught.value.args == (OvhProvider.ZONE_NOT_FOUND_MESSAGE,)


def test_an_ungranted_key_is_python_ovhs_exception(provide, keys: KeyRing) -> None:
    with pytest.raises(ovh.NotGrantedCall, match="This call has not been granted"):
        provide(keys.ungranted()).populate(Zone(f"{ZONE}.", []))


def test_a_wrong_secret_is_python_ovhs_exception(provide, keys: KeyRing) -> None:
    with pytest.raises(ovh.BadParametersError, match="Invalid signature"):
        provide(keys.wrong_secret()).populate(Zone(f"{ZONE}.", []))


def test_a_revoked_key_is_python_ovhs_exception(provide, keys: KeyRing) -> None:
    with pytest.raises(ovh.InvalidCredential, match="This credential is not valid"):
        provide(keys.revoked()).populate(Zone(f"{ZONE}.", []))
