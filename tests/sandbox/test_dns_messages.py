"""Broken and hostile DNS messages: answered with an error or not at all, never with a crash."""

import struct

import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.sandbox.dns.answering import answer
from mandat.sandbox.dns.zone import ServedZones, build_zone
from mandat.sandbox.zone_content import Soa, ZoneContent, ZoneRecord

SOA = Soa("ns.example.org.", "hostmaster.example.org.", 1, 60, 60, 60, 60)
RECORDS = (
    ZoneRecord(1, "A", "www", "192.0.2.1", 60),
    ZoneRecord(2, "CNAME", "*", "www", 60),
    ZoneRecord(3, "NS", "sub", "ns.sub", 60),
    ZoneRecord(4, "DNAME", "old", "new", 60),
)


def served():
    zones = ServedZones()
    zones.put(build_zone(ZoneContent("example.org", SOA, RECORDS)))
    return zones


ZONES = served()


def header(*counts, bits=0x0100):
    return struct.pack("!6H", 0x1234, bits, *counts)


QUESTION = b"\x03www\x07example\x03org\x00\x00\x01\x00\x01"

BROKEN = {
    "no question": header(0, 0, 0, 0),
    "two questions": header(2, 0, 0, 0) + QUESTION * 2,
    "question missing": header(1, 0, 0, 0),
    "cut": header(1, 0, 0, 0) + QUESTION[:-3],
    "pointer to itself": header(1, 0, 0, 0) + b"\xc0\x0c\x00\x01\x00\x01",
    "pointer forwards": header(1, 0, 0, 0) + b"\xc0\xff\x00\x01\x00\x01",
    "pointer loop": header(1, 0, 0, 0) + b"\x01a\xc0\x10\xc0\x0c\x00\x01\x00\x01",
    "reserved label": header(1, 0, 0, 0) + b"\x80abc\x00\x00\x01\x00\x01",
    "name too long": header(1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 5 + b"\x00\x00\x01\x00\x01",
    "label not UTF-8": header(1, 0, 0, 0) + b"\x02\xff\xfe\x00\x00\x01\x00\x01",
    "answer in a question": header(1, 1, 0, 0) + QUESTION + QUESTION + b"\x00" * 6,
    "many additional": header(1, 0, 0, 0xFFFF) + QUESTION,
    "two EDNS": header(1, 0, 0, 2) + QUESTION + b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00" * 2,
    "huge": header(1, 0, 0, 0) + QUESTION + b"\x00" * 2000,
}


@pytest.mark.parametrize("packet", BROKEN.values(), ids=BROKEN)
def test_what_is_not_one_question_is_a_format_error(packet):
    message = dns.message.from_wire(answer(packet, ZONES, over_tcp=False))

    assert message.id == 0x1234
    assert message.rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("packet", [b"", b"\x00", header(1, 0, 0, 0)[:11], header(1, 0, 0, 0, bits=0x8100) + QUESTION])
def test_less_than_a_header_and_answers_get_no_answer(packet):
    assert answer(packet, ZONES, over_tcp=False) is None


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_other_operations_are_not_implemented(opcode):
    message = dns.message.from_wire(answer(header(1, 0, 0, 0, bits=opcode << 11) + QUESTION, ZONES, over_tcp=False))

    assert message.rcode() == dns.rcode.NOTIMP


@given(st.binary(max_size=300))
def test_no_bytes_break_the_server(packet):
    answer(packet, ZONES, over_tcp=False)
    answer(header(1, 0, 0, 1) + packet, ZONES, over_tcp=True)


LABELS = st.sampled_from(["www", "a", "sub", "ns", "old", "new", "*", "x" * 30, "example", "org"])


@given(st.lists(LABELS, max_size=6), st.sampled_from(["A", "NS", "CNAME", "DNAME", "ANY", "TXT", "SOA"]))
def test_every_answer_is_one_that_another_implementation_reads(labels, kind):
    name = ".".join([*labels, "example.org."])
    query = dns.message.make_query(name, kind, use_edns=0)

    reply = dns.message.from_wire(answer(query.to_wire(), ZONES, over_tcp=False))

    assert query.is_response(reply)
    assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)
    assert reply.answer or reply.authority
