"""One DNS message in, one out. Pure apart from the zones it is given.

Accepts exactly one question, answers only for the zones it has, never raises on a message, however broken.
Sources: RFC 1035 4, RFC 6891 (EDNS), RFC 8482 (no zone transfer here, and a plain answer to ANY).
"""

import struct

from dnslib import EDNS0, OPCODE, QTYPE, RCODE, RR, DNSError, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSBuffer

from mandat.sandbox.dns.names import MAX_NAME_BYTES, Labels, fold
from mandat.sandbox.dns.resolution import Resolution, resolve
from mandat.sandbox.dns.zone import ServedZones

MAX_QUERY_BYTES = 1024  # a question has at most 271 bytes; the rest is room for EDNS options
MAX_MESSAGE_BYTES = 65_535  # RFC 1035 4.2.2: two length bytes
PLAIN_UDP_BYTES = 512  # RFC 1035 4.2.1
LARGEST_UDP_BYTES = 1232  # the size that needs no fragments on any path; larger answers go over TCP
_HEADER_BYTES = 12
_BAD_VERSION = 1  # extended part of BADVERS (16), RFC 6891 9
_TRANSFERS = (int(QTYPE.AXFR), int(QTYPE.IXFR))


class _Pointers(dict[Labels, int]):
    """Where names stand in a message. A pointer has 14 bits (RFC 1035 4.1.4); dnslib would write wrong ones beyond."""

    def __setitem__(self, name: Labels, offset: int) -> None:
        if offset < 1 << 14:
            super().__setitem__(name, offset)


def answer(packet: bytes, zones: ServedZones, *, over_tcp: bool) -> bytes | None:
    """The message to send back for `packet`, or None for what deserves none (an answer, or less than a header).

    Args:
        packet: one message as received, without TCP's length bytes.
        zones: what is answered for.
        over_tcp: whether the answer may be longer than a datagram.
    """
    if len(packet) < _HEADER_BYTES:
        return None
    identifier, bits, *counts = struct.unpack_from("!6H", packet)
    if bits & 0x8000:
        return None
    try:
        query = _read(packet, counts)
    except (DNSError, ValueError, RecursionError, UnicodeError):
        return _refusal(identifier, bits, RCODE.FORMERR)
    if query.header.opcode != OPCODE.QUERY:
        return _refusal(identifier, bits, RCODE.NOTIMP)
    return _answer_query(query, zones, over_tcp=over_tcp)


def broken_answer(packet: bytes) -> bytes | None:
    """SERVFAIL for `packet`, for when answering failed through our own fault."""
    if len(packet) < _HEADER_BYTES:
        return None
    identifier, bits = struct.unpack_from("!2H", packet)
    return _refusal(identifier, bits, RCODE.SERVFAIL)


def _read(packet: bytes, counts: list[int]) -> DNSRecord:
    """Raises ValueError or a dnslib error for anything that is not one question, perhaps with EDNS."""
    questions, answers, authorities, additional = counts
    # Counted before parsing: pointers make many tiny records expensive to read.
    if len(packet) > MAX_QUERY_BYTES or questions != 1 or answers or authorities or additional > 2:
        raise ValueError("not one question")
    query = DNSRecord.parse(packet)
    if len(b".".join(query.q.qname.label)) > MAX_NAME_BYTES or len(_edns_of(query)) > 1:
        raise ValueError("not one question")
    return query


def _answer_query(query: DNSRecord, zones: ServedZones, *, over_tcp: bool) -> bytes:
    edns = _edns_of(query)
    name: Labels = tuple(query.q.qname.label)
    if edns and edns[0].edns_ver != 0:
        return _pack(query, Resolution(authoritative=False), extended_code=_BAD_VERSION)
    zone = zones.find(fold(name))
    if zone is None or query.q.qclass != 1 or query.q.qtype in _TRANSFERS:
        return _pack(query, Resolution(code=int(RCODE.REFUSED), authoritative=False))
    resolution = resolve(zone, name, query.q.qtype)
    message = _pack(query, resolution)
    limit = MAX_MESSAGE_BYTES if over_tcp else _udp_limit(edns)
    if len(message) <= limit:
        return message
    if over_tcp:  # such a set of records cannot be said in DNS at all
        return _pack(query, Resolution(code=int(RCODE.SERVFAIL), authoritative=False))
    return _pack(query, Resolution(code=resolution.code, authoritative=resolution.authoritative), truncated=True)


def _udp_limit(edns: list[RR]) -> int:
    return max(PLAIN_UDP_BYTES, min(edns[0].edns_len, LARGEST_UDP_BYTES)) if edns else PLAIN_UDP_BYTES


def _edns_of(query: DNSRecord) -> list[RR]:
    return [record for record in query.ar if record.rtype == QTYPE.OPT]


def _pack(query: DNSRecord, resolution: Resolution, *, extended_code: int = 0, truncated: bool = False) -> bytes:
    additional = list(resolution.additional)
    if _edns_of(query):
        additional.append(EDNS0(udp_len=LARGEST_UDP_BYTES, ext_rcode=extended_code))
    sections = (resolution.answers, resolution.authority, additional)
    header = DNSHeader(
        id=query.header.id, bitmap=0, qr=1, aa=int(resolution.authoritative), tc=int(truncated),
        rd=query.header.rd, ra=0, rcode=resolution.code, q=1, a=len(sections[0]), auth=len(sections[1]),
        ar=len(additional),
    )  # fmt: skip
    buffer = DNSBuffer()
    buffer.names = _Pointers()
    header.pack(buffer)
    DNSQuestion(query.q.qname, query.q.qtype, query.q.qclass).pack(buffer)
    for record in (record for section in sections for record in section):
        record.pack(buffer)
    return bytes(buffer.data)


def _refusal(identifier: int, bits: int, code: int) -> bytes:
    """A bare header: what was asked may not be readable. Keeps the operation code and the wish for recursion."""
    return struct.pack("!6H", identifier, 0x8000 | (bits & 0x7900) | int(code), 0, 0, 0, 0)
