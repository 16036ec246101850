"""Laws of zone files: what is exported reads back to what DNS serves, and any text is read or refused."""

import time

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mandat.sandbox.dns.names import TargetFault
from mandat.sandbox.dns.targets import FIELD_TYPES
from mandat.sandbox.dns.zone import build_zone
from mandat.sandbox.domain.checks import check_record
from mandat.sandbox.domain.zone_file_reading import ZoneFileFault, parse_zone_file
from mandat.sandbox.domain.zone_file_writing import print_zone_file
from mandat.sandbox.zone_content import Soa, ZoneContent, ZoneRecord

SOA = Soa("ns.example.org.", "hostmaster@example.org", 7, 60, 60, 60, 900)
TARGETS = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "CAA": st.sampled_from(['0 issue "letsencrypt.org"', '128 iodef "mailto:a@b"']),
    "HTTPS": st.sampled_from(["1 . alpn=h2,h3", "0 www", '16 svc port=8443 ipv4hint=192.0.2.1 ech="aGk="']),
    "SVCB": st.sampled_from(["1 . alpn=h2", "0 www.example.net."]),
    "LOC": st.sampled_from(["52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "1 S 1 W 0m"]),
    "MX": st.sampled_from(["10 mail", "0 mail.example.net."]),
    "NAPTR": st.sampled_from(['100 10 "u" "E2U+sip" "!^.*$!sip:x@y!" .', '1 1 "S" "SIP+D2U" "" _sip._udp']),
    "SRV": st.sampled_from(["0 5 443 www", "1 1 1 ."]),
    "SSHFP": st.sampled_from(["1 1 " + "ab" * 20, "4 2 " + "0F" * 32]),
    "TLSA": st.sampled_from(["3 1 1 " + "ab" * 32, "3 0 0 " + "ab" * 300]),
}
NAMES = st.sampled_from(["mail", "www.example.net.", "a.b"])
TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f"), min_size=1, max_size=300),
    st.sampled_from(['"a" "b\\"c"', '"' + "x" * 300 + '"', "v=spf1; include:x -all", "a\\b", "\u00e9" * 200, "(;$@"]),
)
RECORDS = st.sampled_from(FIELD_TYPES).flatmap(
    lambda kind: st.builds(
        ZoneRecord,
        id=st.just(0),
        field_type=st.just(kind),
        sub_domain=st.sampled_from(["", "www", "a.b", "*", "_dmarc", "*.x", "UPPER"]),
        target=TARGETS.get(kind, NAMES if kind in ("CNAME", "DNAME", "NS", "PTR") else TEXTS),
        ttl=st.sampled_from([0, 60, 86_400]),
    )
)


def served(content):
    """What DNS would answer, in a form that can be compared."""
    zone = build_zone(content)
    return {
        (name, number): sorted((record.ttl_seconds, _wire(record.data)) for record in records)
        for name, node in zone.nodes.items()
        for number, records in node.items()
    }


def _wire(data):
    from dnslib.label import DNSBuffer

    buffer = DNSBuffer()
    data.pack(buffer)
    return bytes(buffer.data)


@settings(max_examples=300, deadline=None)
@given(record=RECORDS)
def test_an_exported_record_is_read_back_to_what_dns_serves(record):
    assume(check_record("example.org", record) is None)
    content = ZoneContent("example.org", SOA, (record,))

    read = parse_zone_file(print_zone_file(content), "example.org")

    assert read.soa is not None
    assert all(check_record("example.org", each) is None for each in read.records)
    assert served(ZoneContent("example.org", read.soa, read.records)) == served(content)


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "@", "www", "\n", " ", "IN", "A", "192.0.2.1", "MX", "10", "mail", "TXT", '"', '"a b"', ";", "(", ")",
            "$TTL", "$ORIGIN", "SOA", "3600", "CNAME", "x.", "\\", "\\000", "1h", "\t", "CH", "ANY", "TYPE1", "\\#",
            "*", "-1",
        ]
    )
).map(" ".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(text=st.one_of(FRAGMENTS, st.text()))
def test_any_text_is_read_or_refused_in_printable_words(text):
    try:
        read = parse_zone_file(text, "example.org")
    except ZoneFileFault as fault:
        assert str(fault).isascii()
        assert str(fault).isprintable()
        return
    good = tuple(record for record in read.records if check_record("example.org", record) is None)
    try:
        build_zone(ZoneContent("example.org", SOA, good))
    except TargetFault as fault:
        raise AssertionError("a checked record cannot be served") from fault


def test_the_largest_zone_is_read_in_a_moment():
    text = "".join(f'n{number} 60 IN TXT "{"x" * 60}"\n' for number in range(5000))
    started = time.monotonic()

    assert len(parse_zone_file(text, "example.org").records) == 5000
    assert time.monotonic() - started < 5
