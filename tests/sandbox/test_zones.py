"""Zones and the account: what each customer sees, start of authority, state."""

import re

import pytest

from support.sandbox import ALICE, BRUNO


def test_me_is_the_seeded_profile_with_every_member_of_the_model(sandbox):
    me = sandbox.call("GET", "/me", account=ALICE).json()
    described = sandbox.http.get("/1.0/me.json").json()["models"]["nichandle.Nichandle"]["properties"]

    assert (me["nichandle"], me["firstname"], me["name"]) == (ALICE, "Alice", "Martin")
    assert me["currency"] == {"code": "EUR", "symbol": "\u20ac"}
    assert set(me) == set(described)


def test_a_customer_who_signed_up_later_has_a_plain_profile_and_no_zones(sandbox):
    assert sandbox.call("GET", "/me", account="zz999-mandat").json()["nichandle"] == "zz999-mandat"
    assert sandbox.call("GET", "/domain/zone", account="zz999-mandat").json() == []


def test_each_account_lists_its_own_zones(sandbox):
    assert sandbox.call("GET", "/domain/zone", account=BRUNO).json() == ["bruno.example"]
    assert "bruno.example" not in sandbox.call("GET", "/domain/zone/", account=ALICE).json()


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("GET", "/status", None),
        ("GET", "/soa", None),
        ("PUT", "/soa", {"ttl": 60}),
        ("GET", "/record", None),
        ("POST", "/record", {"fieldType": "A", "target": "192.0.2.1"}),
        ("GET", "/record/5", None),
        ("PUT", "/record/5", {"ttl": 60}),
        ("DELETE", "/record/5", None),
        ("POST", "/refresh", None),
    ],
)
def test_anothers_zone_and_no_zone_are_refused_in_the_same_words(sandbox, method, below, body):
    theirs = sandbox.call(method, f"/domain/zone/bruno.example{below}", account=ALICE, body=body)
    nobodys = sandbox.call(method, f"/domain/zone/nobody.example{below}", account=ALICE, body=body)

    assert (theirs.status_code, theirs.json()["message"]) == (404, "This service does not exist")
    assert theirs.content == nobodys.content


def test_anothers_record_is_neither_seen_nor_touched(sandbox, zone):
    made = zone.add("A", "www", "192.0.2.1")

    for method in ("GET", "DELETE"):
        answer = sandbox.call(method, f"/domain/zone/bruno.example/record/{made['id']}", account=BRUNO)
        assert answer.status_code == 404
    assert zone.call("GET", f"/record/{made['id']}").status_code == 200


def test_a_zone_says_when_it_was_refreshed_and_who_serves_it(zone):
    found = zone.call("GET").json()

    assert found["name"] == zone.name
    assert found["nameServers"] == ["dns1.sandbox.example", "ns1.sandbox.example"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["lastUpdate"])


def test_a_zone_is_always_deployed_and_names_what_looks_wrong(zone):
    assert zone.call("GET", "/status").json() == {"isDeployed": True, "errors": None, "warnings": None}

    zone.add("CNAME", "www", f"web.{zone.name}")
    zone.add("TXT", "WWW", "beside an alias")
    status = zone.call("GET", "/status").json()

    assert status["isDeployed"] is True
    assert [warning.split(":")[0] for warning in status["warnings"]] == ["CNAME www", "CNAME www"]
    assert f"web.{zone.name}.{zone.name}." in status["warnings"][0]


def test_soa_is_changed_by_member_and_served_after_a_refresh(zone):
    before = zone.call("GET", "/soa").json()

    assert zone.call("PUT", "/soa", body={"nxDomainTtl": 120, "email": "dns.admin@example.org"}).content == b"null"
    staged = zone.call("GET", "/soa").json()
    served_before = zone.sandbox.answers(zone.name, "SOA")
    zone.refresh()

    assert staged == before | {"nxDomainTtl": 120, "email": "dns.admin@example.org"}
    assert served_before[0].endswith(" 60")
    serial = zone.call("GET", "/soa").json()["serial"]
    assert zone.sandbox.answers(zone.name, "SOA") == [
        f"SOA dns1.sandbox.example. dns\\.admin.example.org. {serial} 86400 3600 3600000 120"
    ]


def test_the_serial_rises_with_each_refresh_and_follows_the_date(zone):
    serials = [zone.call("GET", "/soa").json()["serial"]]
    for _ in range(2):
        zone.refresh()
        serials.append(zone.call("GET", "/soa").json()["serial"])
    zone.sandbox.clock.advance(86_400 * 40)
    zone.refresh()
    later = zone.call("GET", "/soa").json()["serial"]
    zone.sandbox.clock.advance(-86_400 * 40)

    assert serials[1] == serials[0] + 1
    assert serials[2] == serials[1] + 1
    assert later % 100 == 0
    assert later > serials[2]


def test_the_serial_wraps_at_its_32_bits(zone):
    zone.call("PUT", "/soa", body={"serial": (1 << 32) - 1})
    zone.refresh()

    assert zone.call("GET", "/soa").json()["serial"] == 1
