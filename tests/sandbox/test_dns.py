"""The DNS server as resolvers see it: over UDP and TCP, read by an independent implementation (dnspython, dig)."""

import socket
import subprocess

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import pytest

from support.sandbox import HOST

TARGETS = [
    ("A", "192.0.2.7", "A 192.0.2.7"),
    ("AAAA", "2001:DB8::0:7", "AAAA 2001:db8::7"),
    ("AAAA", "::ffff:192.0.2.1", "AAAA ::ffff:192.0.2.1"),
    ("CNAME", "www.example.net.", "CNAME www.example.net."),
    ("DNAME", "example.net.", "DNAME example.net."),
    ("PTR", "host.example.net.", "PTR host.example.net."),
    ("NS", "ns.example.net.", "NS ns.example.net."),
    ("MX", "10 mail.example.net.", "MX 10 mail.example.net."),
    ("MX", "0 .", "MX 0 ."),
    ("SRV", "0 5 443 sip.example.net.", "SRV 0 5 443 sip.example.net."),
    ("CAA", '0 issue "letsencrypt.org; accounturi=https://x.example/1"', None),
    ("CAA", "128 iodef mailto:security@example.org", 'CAA 128 iodef "mailto:security@example.org"'),
    ("NAPTR", '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.org!" .', None),
    ("NAPTR", '100 10 "S" "SIP+D2U" "" _sip._udp.example.net.', None),
    ("SSHFP", "4 2 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", None),
    ("TLSA", "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", None),
    ("LOC", "48 51 29.4 N 2 17 40.219 E 330.00m", "LOC 48 51 29.400 N 2 17 40.219 E 330.00m"),
    ("LOC", "33 S 70 40 W -10.5m 30m 200m 5m", "LOC 33 0 0.000 S 70 40 0.000 W -10.50m 30.00m 200.00m 5.00m"),
    ("TXT", "plain; text  with 'blanks' and \\ and \u00e9", None),
    ("TXT", '"quoted"', 'TXT "quoted"'),
    ("TXT", '"two" "strings"', 'TXT "two" "strings"'),
    ("TXT", '"an \\"inner\\" quote and \\065"', 'TXT "an \\"inner\\" quote and A"'),
    ("TXT", '""', 'TXT ""'),
    ("SPF", "v=spf1 -all", 'TXT "v=spf1 -all"'),
    ("DKIM", "v=DKIM1;k=rsa;p=MIIB", 'TXT "v=DKIM1;k=rsa;p=MIIB"'),
    ("DMARC", '"v=DMARC1; p=none"', 'TXT "v=DMARC1; p=none"'),
    ("HTTPS", "1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1,192.0.2.2", None),
    ("HTTPS", '1 svc.example.net. mandatory="alpn,port" port=443 alpn="h3" ech=AAT+DQAA', None),
    ("SVCB", "0 other.example.net.", "SVCB 0 other.example.net."),
    ("SVCB", "16 foo.example.net. no-default-alpn alpn=h2 ipv6hint=2001:db8::1 key667=hello", None),
]


def same_data(kind, target):
    """What dnspython makes of the same text: the independent opinion."""
    served = "TXT" if kind in ("SPF", "DKIM", "DMARC") else kind
    return f"{served} {dns.rdata.from_text('IN', served, target).to_text()}"


@pytest.mark.parametrize(("kind", "target", "wanted"), TARGETS)
def test_each_type_is_served_as_its_target_says(zone, kind, target, wanted):
    if kind == "TXT" and wanted is None:
        data = dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, [target.encode()])
        wanted = f"TXT {data.to_text()}"
    made = zone.add(kind, "x", target)
    zone.refresh()

    served = "TXT" if kind in ("SPF", "DKIM", "DMARC") else kind
    answer = zone.sandbox.ask(f"x.{zone.name}", served)
    section = answer.authority if kind == "NS" else answer.answer

    assert made["target"] == target
    found = [f"{dns.rdatatype.to_text(rrset.rdtype)} {record.to_text()}" for rrset in section for record in rrset]
    assert found == [wanted or same_data(kind, target)]


BAD_TARGETS = [
    ("A", "::1"),
    ("A", "192.0.2.256"),
    ("AAAA", "192.0.2.1"),
    ("AAAA", "fe80::1%eth0"),
    ("AAAA", ":::"),
    ("CNAME", "two words"),
    ("CNAME", "a..b."),
    ("CNAME", "192.0.2.1"),
    ("CNAME", "\u00e9.example."),
    ("CNAME", "a" * 64 + ".example."),
    ("CNAME", ".".join(["a" * 60] * 5) + "."),
    ("NS", "https://example.org"),
    ("MX", "mail.example.net."),
    ("MX", "65536 mail.example.net."),
    ("MX", "-1 mail.example.net."),
    ("MX", "10 192.0.2.1"),
    ("MX", "10 mail example.net."),
    ("MX", "\u0661 mail.example.net."),
    ("SRV", "0 5 sip.example.net."),
    ("SRV", "0 5 70000 sip.example.net."),
    ("CAA", "0 issue"),
    ("CAA", "256 issue x"),
    ("CAA", "0 is_sue x"),
    ("CAA", '0 issue "unclosed'),
    ("CAA", '0 issue "\\255"'),
    ("NAPTR", '100 10 "U" "E2U+sip" .'),
    ("NAPTR", f'100 10 "U" "{"x" * 256}" "" .'),
    ("SSHFP", "4 2 xyz"),
    ("SSHFP", "4 2 012"),
    ("TLSA", "3 1 1"),
    ("TLSA", "300 1 1 00"),
    ("LOC", "91 N 0 E 0m"),
    ("LOC", "0 60 N 0 E 0m"),
    ("LOC", "here"),
    ("LOC", "0 N 0 E 99999999m"),
    ("TXT", '"unclosed'),
    ("TXT", '"a" b'),
    ("TXT", '"a"b"'),
    ("TXT", '"\\999"'),
    ("TXT", '"ends with \\'),
    ("HTTPS", "1"),
    ("HTTPS", "x . alpn=h2"),
    ("HTTPS", "0 . alpn=h2"),
    ("HTTPS", "1 . alpn"),
    ("HTTPS", "1 . alpn=h2 alpn=h3"),
    ("HTTPS", "1 . port=65536"),
    ("HTTPS", "1 . ipv4hint=::1"),
    ("HTTPS", "1 . ech=!!"),
    ("HTTPS", "1 . ech=Zm9vYmFy"),
    ("HTTPS", "1 . mandatory=port"),
    ("HTTPS", "1 . mandatory=mandatory alpn=h2"),
    ("HTTPS", "1 . no-default-alpn=x"),
    ("HTTPS", "1 . key65536=x"),
    ("HTTPS", "1 . unheard=x"),
    ("SVCB", '1 . alpn="h2'),
]


@pytest.mark.parametrize(("kind", "target"), BAD_TARGETS)
def test_a_target_that_does_not_fit_its_type_is_refused_by_name(zone_for_refusals, kind, target):
    body = {"fieldType": kind, "subDomain": "x", "target": target}

    answer = zone_for_refusals.call("POST", "/record", body=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["details"] == {"field": "target"}
    assert answer.json()["message"].startswith(f"Body parameter target does not fit {kind}: ")


@pytest.fixture(scope="module")
def zone_for_refusals(sandbox):
    from types import SimpleNamespace

    from support.sandbox import ALICE

    return SimpleNamespace(
        call=lambda method, below, **options: sandbox.call(
            method, f"/domain/zone/zone117.example{below}", account=ALICE, **options
        )
    )


def test_an_alias_cannot_stand_at_the_zone_itself(zone):
    answer = zone.call("POST", "/record", body={"fieldType": "CNAME", "target": "www.example.net."})

    assert answer.json()["details"] == {"field": "subDomain"}


def test_nothing_changes_before_a_refresh(zone):
    zone.serve(("A", "www", "192.0.2.1"))
    record = zone.call("GET", "/record?subDomain=www").json()[0]

    zone.call("PUT", f"/record/{record}", body={"target": "192.0.2.2"})
    zone.add("A", "new", "192.0.2.3")
    staged = [zone.sandbox.answers(f"{name}.{zone.name}", "A") for name in ("www", "new")]
    zone.refresh()
    refreshed = [zone.sandbox.answers(f"{name}.{zone.name}", "A") for name in ("www", "new")]
    zone.call("DELETE", f"/record/{record}")
    zone.refresh()

    assert staged == [["A 192.0.2.1"], []]
    assert refreshed == [["A 192.0.2.2"], ["A 192.0.2.3"]]
    assert zone.sandbox.ask(f"www.{zone.name}", "A").rcode() == dns.rcode.NXDOMAIN


def test_names_without_a_final_stop_are_within_the_zone(zone):
    zone.serve(("CNAME", "www", "web"), ("MX", "", "10 mail.in"), ("SRV", "_sip._tcp", "0 0 1 sip"))

    assert zone.sandbox.answers(f"www.{zone.name}", "CNAME") == [f"CNAME web.{zone.name}."]
    assert zone.sandbox.answers(zone.name, "MX") == [f"MX 10 mail.in.{zone.name}."]
    assert zone.sandbox.answers(f"_sip._tcp.{zone.name}", "SRV") == [f"SRV 0 0 1 sip.{zone.name}."]


def test_the_apex_has_soa_and_ns(zone):
    assert zone.sandbox.answers(zone.name, "NS") == ["NS dns1.sandbox.example.", "NS ns1.sandbox.example."]
    assert zone.sandbox.answers(zone.name, "SOA")[0].startswith("SOA dns1.sandbox.example. hostmaster.sandbox.example.")


def test_a_missing_name_and_a_missing_type_come_with_the_soa(zone):
    zone.serve(("A", "deep.www", "192.0.2.1"))

    missing = zone.sandbox.ask(f"nothing.{zone.name}", "A")
    no_type = zone.sandbox.ask(f"deep.www.{zone.name}", "AAAA")
    between = zone.sandbox.ask(f"www.{zone.name}", "A")

    assert missing.rcode() == dns.rcode.NXDOMAIN
    assert (no_type.rcode(), between.rcode()) == (dns.rcode.NOERROR, dns.rcode.NOERROR)
    for answer in (missing, no_type, between):
        assert answer.flags & dns.flags.AA
        assert not answer.flags & dns.flags.RA
        assert [(one.rdtype, one.ttl) for one in answer.authority] == [(dns.rdatatype.SOA, 60)]


def test_outside_its_zones_it_refuses(sandbox):
    answer = sandbox.ask("example.com", "A")

    assert answer.rcode() == dns.rcode.REFUSED
    assert not answer.flags & dns.flags.AA


def test_other_classes_and_transfers_are_refused(zone):
    assert zone.sandbox.ask(zone.name, "SOA", rdclass="CH").rcode() == dns.rcode.REFUSED
    assert zone.sandbox.ask(zone.name, "AXFR", over_tcp=True).rcode() == dns.rcode.REFUSED


def test_names_are_compared_without_case_and_given_back_as_asked(zone):
    zone.serve(("A", "WwW", "192.0.2.1"))

    answer = zone.sandbox.ask(f"wWw.{zone.name.upper()}", "A")

    assert answer.answer[0].name.to_text() == f"wWw.{zone.name.upper()}."


def test_aliases_are_followed_inside_the_zone(zone):
    zone.serve(("CNAME", "a", "b"), ("CNAME", "b", "c"), ("A", "c", "192.0.2.1"), ("CNAME", "out", "example.com."))

    assert zone.sandbox.answers(f"a.{zone.name}", "A") == [
        "A 192.0.2.1", f"CNAME b.{zone.name}.", f"CNAME c.{zone.name}.",
    ]  # fmt: skip
    assert zone.sandbox.answers(f"a.{zone.name}", "CNAME") == [f"CNAME b.{zone.name}."]
    assert zone.sandbox.answers(f"out.{zone.name}", "A") == ["CNAME example.com."]


def test_an_alias_to_nothing_says_that_there_is_nothing(zone):
    zone.serve(("CNAME", "a", "nothing"))

    answer = zone.sandbox.ask(f"a.{zone.name}", "A")

    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert [one.rdtype for one in answer.answer + answer.authority] == [dns.rdatatype.CNAME, dns.rdatatype.SOA]


def test_a_loop_of_aliases_ends(zone):
    zone.serve(("CNAME", "a", "b"), ("CNAME", "b", "a"))

    assert zone.sandbox.ask(f"a.{zone.name}", "A").rcode() == dns.rcode.NOERROR


def test_a_wildcard_answers_for_names_that_do_not_exist(zone):
    zone.serve(("A", "*", "192.0.2.1"), ("TXT", "www", "here"), ("A", "deep.there", "192.0.2.9"), ("TXT", "*.sub", "s"))

    assert zone.sandbox.answers(f"any.{zone.name}", "A") == ["A 192.0.2.1"]
    assert zone.sandbox.answers(f"a.b.c.{zone.name}", "A") == ["A 192.0.2.1"]
    assert zone.sandbox.answers(f"x.sub.{zone.name}", "TXT") == ['TXT "s"']
    for existing in ("www", "there", "sub"):  # what exists, even without records of its own, hides the wildcard
        assert zone.sandbox.answers(f"{existing}.{zone.name}", "A") == []
    assert zone.sandbox.ask(f"x.there.{zone.name}", "A").rcode() == dns.rcode.NXDOMAIN
    assert zone.sandbox.ask(f"any.{zone.name}", "A").answer[0].name.to_text() == f"any.{zone.name}."


def test_a_delegated_part_is_referred_to_its_servers_with_glue(zone):
    zone.serve(("NS", "sub", "ns.sub"), ("NS", "sub", "ns.example.net."), ("A", "ns.sub", "192.0.2.53"))

    answer = zone.sandbox.ask(f"www.sub.{zone.name}", "A")

    assert not answer.flags & dns.flags.AA
    assert answer.answer == []
    assert sorted(record.to_text() for record in answer.authority[0]) == ["ns.example.net.", f"ns.sub.{zone.name}."]
    assert [record.to_text() for record in answer.additional[0]] == ["192.0.2.53"]


def test_a_dname_moves_what_is_below_it(zone):
    zone.serve(("DNAME", "old", f"new.{zone.name}."), ("A", "www.new", "192.0.2.1"), ("A", "old", "192.0.2.5"))

    assert zone.sandbox.answers(f"www.old.{zone.name}", "A") == [
        "A 192.0.2.1", f"CNAME www.new.{zone.name}.", f"DNAME new.{zone.name}.",
    ]  # fmt: skip
    assert zone.sandbox.answers(f"old.{zone.name}", "A") == ["A 192.0.2.5"]


def test_a_record_without_a_time_of_its_own_has_the_zones(zone):
    zone.add("A", "default", "192.0.2.1", 0)
    zone.add("A", "own", "192.0.2.1", 300)
    zone.refresh()

    assert zone.sandbox.ask(f"default.{zone.name}", "A").answer[0].ttl == 3600
    assert zone.sandbox.ask(f"own.{zone.name}", "A").answer[0].ttl == 300


def test_a_record_created_twice_is_served_once(zone):
    zone.serve(("A", "www", "192.0.2.1"), ("A", "www", "192.0.2.1"), ("A", "www", "192.0.2.2"))

    assert zone.sandbox.answers(f"www.{zone.name}", "A") == ["A 192.0.2.1", "A 192.0.2.2"]


def test_a_long_text_is_parted_at_255_bytes_and_reads_whole(zone):
    text = "v=DKIM1; p=" + "A" * 3000
    zone.serve(("DKIM", "s._domainkey", text))

    (rrset,) = zone.sandbox.ask(f"s._domainkey.{zone.name}", "TXT", over_tcp=True).answer

    assert b"".join(rrset[0].strings).decode() == text
    assert {len(part) for part in rrset[0].strings[:-1]} == {255}


@pytest.mark.parametrize(("payload", "fits"), [(None, 512), (512, 512), (100, 512), (1000, 1000), (4096, 1232)])
def test_a_datagram_is_never_longer_than_agreed(zone, payload, fits):
    zone.serve(*[("TXT", "big", f"{number:03d}" + "x" * 97) for number in range(20)])
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}

    cut = zone.sandbox.ask(f"big.{zone.name}", "TXT", **edns)
    whole = zone.sandbox.ask(f"big.{zone.name}", "TXT", over_tcp=True, **edns)

    assert cut.flags & dns.flags.TC
    assert len(cut.to_wire()) <= fits
    assert cut.edns == (-1 if payload is None else 0)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 20


def test_what_fits_the_agreed_size_is_sent_whole(zone):
    zone.serve(*[("TXT", "big", f"{number:03d}" + "x" * 97) for number in range(7)])

    assert zone.sandbox.ask(f"big.{zone.name}", "TXT").flags & dns.flags.TC
    assert not zone.sandbox.ask(f"big.{zone.name}", "TXT", use_edns=0, payload=1232).flags & dns.flags.TC


def test_an_answer_beyond_16_kilobytes_still_points_right(zone):
    zone.serve(*[("TXT", "big", f"{number:03d}" + "x" * 1000) for number in range(20)], ("MX", "big", "1 a.b.c"))
    zone.serve(*[("MX", "big", f"{number} m{number}.mail") for number in range(10, 20)])

    answer = zone.sandbox.ask(f"big.{zone.name}", "ANY", over_tcp=True)

    assert len(answer.to_wire()) > 1 << 14
    exchanges = {record.exchange.to_text() for rrset in answer.answer if rrset.rdtype == 15 for record in rrset}
    assert exchanges == {f"m{number}.mail.{zone.name}." for number in range(10, 20)} | {f"a.b.c.{zone.name}."}


def test_an_answer_that_no_message_can_hold_is_a_server_failure(zone):
    zone.serve(*[("TXT", "huge", f"{number:03d}" + "x" * 4000) for number in range(17)])

    assert zone.sandbox.ask(f"huge.{zone.name}", "TXT", over_tcp=True).rcode() == dns.rcode.SERVFAIL


def test_an_unknown_edns_version_is_answered_with_badvers(zone):
    assert zone.sandbox.ask(zone.name, "SOA", use_edns=1).rcode() == dns.rcode.BADVERS


def test_one_connection_carries_many_questions(sandbox, zone):
    with socket.create_connection((HOST, sandbox.port + 1), timeout=10) as connection:
        for kind in ("SOA", "NS", "SOA"):
            wire = dns.message.make_query(zone.name, kind).to_wire()
            connection.sendall(len(wire).to_bytes(2) + wire)
            length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL))
            answer = dns.message.from_wire(connection.recv(length, socket.MSG_WAITALL))
            assert answer.answer[0].rdtype == dns.rdatatype.from_text(kind)


def test_dig_sees_what_was_created(zone, debian_program):
    dig = debian_program("dig")
    zone.serve(("TXT", "_acme-challenge.www", '"token-1"'), ("MX", "", "10 mail.example.net."))

    def short(name, kind):
        command = [dig, f"@{HOST}", "-p", str(zone.sandbox.port + 1), "+short", name, kind]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split("\n")[:-1]

    assert short(f"_acme-challenge.www.{zone.name}", "TXT") == ['"token-1"']
    assert short(zone.name, "MX") == ["10 mail.example.net."]
