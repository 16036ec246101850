"""Reading zone files: text in, records out. What becomes of the records is decided elsewhere.

Parsing is dnspython's; only `$ORIGIN` and `$TTL` are followed, because `$INCLUDE` reads files and a `$GENERATE` of one
line can make a billion records. Source: RFC 1035 5.
"""

import re
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
from dns.rdtypes.ANY.SOA import SOA

from mandat.sandbox.dns.targets import FIELD_TYPES
from mandat.sandbox.zone_content import Soa, ZoneRecord

MAX_FILE_CHARACTERS = 1_000_000  # a body has at most a mebibyte; 5,000 records take half of it

DEFAULT_TTL_SECONDS = 3600  # of a start of authority that has no time to live of its own

_DIRECTIVES = ("$ORIGIN", "$TTL")
_PLACE = re.compile(r"^<string>:(\d+): ")


class ZoneFileFault(ValueError):
    """The text is no zone file of this zone; the message is safe to show and names the line where there is one."""


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """What a zone file says. Ids of records are 0; `soa` is None when the file has none."""

    soa: Soa | None
    records: tuple[ZoneRecord, ...]


class _ZoneOfAnyNames(dns.zone.Zone):
    """Takes names outside the zone too: about those dnspython says nothing and leaves them out, we refuse them."""

    def __init__(self, origin: dns.name.Name, rdclass: dns.rdataclass.RdataClass, *, relativize: bool) -> None:
        super().__init__(dns.name.root, rdclass, relativize=relativize)
        self._start_of_authority = origin

    def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name]:
        """Everything below the root is within; the start of authority stands at the zone."""
        return dns.name.root, False, self._start_of_authority


def parse_zone_file(text: str, zone_name: str) -> ZoneFile:
    """The start of authority and the records that `text` describes for the zone.

    Raises:
        ZoneFileFault: not a zone file, or one with types or names that this zone cannot have.
    """
    if len(text) > MAX_FILE_CHARACTERS:
        raise ZoneFileFault(f"is longer than {MAX_FILE_CHARACTERS} characters")
    origin = dns.name.from_text(zone_name)
    # A record without a time to live gets 0, which is the zone's default here.
    head = f"$ORIGIN {zone_name}.\n$TTL 0\n"
    try:
        zone = dns.zone.from_text(
            head + text,
            origin=origin,
            relativize=False,
            check_origin=False,
            zone_factory=_ZoneOfAnyNames,
            allow_directives=_DIRECTIVES,
        )
    except (dns.exception.DNSException, ValueError, OverflowError, RecursionError) as fault:
        raise ZoneFileFault(_explain(fault, head.count("\n"))) from None
    soa, records = None, []
    for name, dataset in zone.iterate_rdatasets():
        if not name.is_subdomain(origin):
            raise ZoneFileFault(f"names {name.to_text()}, which is not in the zone")
        kind = dns.rdatatype.to_text(dataset.rdtype)
        if isinstance(dataset[0], SOA):
            soa = _read_soa(dataset[0], dataset.ttl)
            continue
        if kind not in FIELD_TYPES:
            raise ZoneFileFault(f"has a record of the type {kind}, which zones here cannot have")
        owner = name.relativize(origin).to_text() if name != origin else ""
        records += [ZoneRecord(0, kind, owner, _target(data), dataset.ttl) for data in dataset]
    return ZoneFile(soa, tuple(records))


def _target(data: dns.rdata.Rdata) -> str:
    return data.to_text(relativize=False, chunksize=0)


def _read_soa(data: SOA, ttl: int) -> Soa:
    return Soa(
        server=data.mname.to_text(),
        email=data.rname.to_text(),
        serial=data.serial,
        refresh=data.refresh,
        expire=data.expire,
        nx_domain_ttl=data.minimum,
        ttl=ttl or DEFAULT_TTL_SECONDS,
    )


def _explain(fault: Exception, lines_before: int) -> str:
    """dnspython's words, its place as a line number; texts of the file are in them, so controls are escaped."""
    message = str(fault)
    place = _PLACE.match(message)
    said = ascii(message[place.end() :] if place else message)[1:-1][:200]
    where = f"line {int(place.group(1)) - lines_before}: " if place else ""
    return f"cannot be read as a zone file: {where}{said}"
