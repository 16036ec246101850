"""One question against one zone: which records answer it. Pure.

Follows RFC 1034 4.3.2 with the wildcards of RFC 4592, DNAME of RFC 6672 and the response codes of RFC 6604.
Packing, truncation and EDNS are `answering`'s.
"""

from dataclasses import dataclass, field

from dnslib import CNAME, QTYPE, RCODE, RR, DNSLabel

from mandat.sandbox.dns.names import MAX_NAME_BYTES, Labels, fold
from mandat.sandbox.dns.targets import UncompressedName
from mandat.sandbox.dns.zone import Node, ServedRecord, ServedZone

MAX_ALIASES = 16  # a chain of more is a mistake or a loop

_A, _AAAA, _NS = int(QTYPE.A), int(QTYPE.AAAA), int(QTYPE.NS)
_CNAME, _DNAME, _ANY = int(QTYPE.CNAME), int(QTYPE.DNAME), int(QTYPE.ANY)


@dataclass(slots=True)
class Resolution:
    """The sections of an answer. `authoritative` is False for a referral to a delegated part."""

    code: int = int(RCODE.NOERROR)
    authoritative: bool = True
    answers: list[RR] = field(default_factory=list)
    authority: list[RR] = field(default_factory=list)
    additional: list[RR] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A name at which another server takes over."""

    name: Labels


@dataclass(frozen=True, slots=True)
class _Redirected:
    """A name whose ancestor at `owner` has a DNAME."""

    owner: Labels
    record: ServedRecord


def resolve(zone: ServedZone, name: Labels, type_number: int) -> Resolution:
    """What `zone` says to a question for `name` (inside the zone, as asked) and `type_number`."""
    resolution = Resolution()
    for _ in range(MAX_ALIASES):
        found = _find(zone, fold(name))
        following: Labels | None = None
        match found:
            case _Cut(name=cut):
                _refer(zone, cut, resolution)
            case _Redirected(owner=owner, record=record):
                following = _follow_dname(name, owner, record, resolution)
            case None:
                resolution.code = int(RCODE.NXDOMAIN)
                _say_what_is_missing(zone, resolution)
            case node:
                following = _answer_from(zone, node, name, type_number, resolution)
        if following is None or fold(following)[-len(zone.apex) :] != zone.apex:
            return resolution
        name = following
    return resolution


def _find(zone: ServedZone, name: Labels) -> Node | _Cut | _Redirected | None:
    """The node that answers for `name`; {} when the name exists without records, None when it does not exist."""
    for start in range(len(name) - len(zone.apex), -1, -1):
        ancestor = name[start:]
        if ancestor not in zone.names:
            return zone.nodes.get((b"*", *name[start + 1 :]))
        node = zone.nodes.get(ancestor, {})
        if _NS in node and ancestor != zone.apex:
            return _Cut(ancestor)
        if _DNAME in node and ancestor != name:
            return _Redirected(ancestor, node[_DNAME][0])
    return zone.nodes.get(name, {})


def _answer_from(zone: ServedZone, node: Node, name: Labels, type_number: int, resolution: Resolution) -> Labels | None:
    """Adds what `node` has; the name to go on with, when it is an alias."""
    if type_number == _ANY:
        records = [record for records in node.values() for record in records]
    else:
        records = node.get(type_number, [])
    if not records and _CNAME in node:
        alias = node[_CNAME][0]
        resolution.answers.append(_rr(name, alias))
        return tuple(alias.data.label.label)
    resolution.answers += [_rr(name, record) for record in records]
    if not records:
        _say_what_is_missing(zone, resolution)
    return None


def _follow_dname(name: Labels, owner: Labels, record: ServedRecord, resolution: Resolution) -> Labels | None:
    assert isinstance(record.data, UncompressedName)
    resolution.answers.append(_rr(owner, record))
    target = name[: len(name) - len(owner)] + tuple(record.data.name.label)
    if len(b".".join(target)) > MAX_NAME_BYTES:
        resolution.code = int(RCODE.YXDOMAIN)
        return None
    alias = ServedRecord(_CNAME, record.ttl_seconds, CNAME(DNSLabel(target)))
    resolution.answers.append(_rr(name, alias))
    return target


def _say_what_is_missing(zone: ServedZone, resolution: Resolution) -> None:
    """The SOA beside "no such name" or "no such type" tells for how long that may be remembered (RFC 2308)."""
    authority = zone.start_of_authority._replace(ttl_seconds=zone.negative_ttl_seconds)
    resolution.authority.append(_rr(zone.apex, authority))


def _refer(zone: ServedZone, cut: Labels, resolution: Resolution) -> None:
    resolution.authoritative = bool(resolution.answers)
    for record in zone.nodes[cut][_NS]:
        resolution.authority.append(_rr(cut, record))
        host: Labels = tuple(record.data.label.label)
        node = zone.nodes.get(fold(host), {})
        resolution.additional += [_rr(host, glue) for kind in (_A, _AAAA) for glue in node.get(kind, [])]


def _rr(name: Labels, record: ServedRecord) -> RR:
    return RR(DNSLabel(name), record.type_number, ttl=record.ttl_seconds, rdata=record.data)
