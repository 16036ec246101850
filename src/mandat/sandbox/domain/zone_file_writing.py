"""Writing zone files: records in, text out, for `zone_file_reading` and for other DNS servers. Source: RFC 1035 5."""

from collections.abc import Iterator

from mandat.sandbox.dns.names import text_of
from mandat.sandbox.dns.words import split_text
from mandat.sandbox.dns.zone import RETRY_SECONDS, parse_mailbox
from mandat.sandbox.zone_content import ZoneContent

_TEXT_TYPES = ("TXT", "SPF", "DKIM", "DMARC")


def print_zone_file(content: ZoneContent) -> str:
    """`content` as a zone file that `parse_zone_file` and other DNS servers read back to what DNS serves."""
    return "\n".join([*_lines(content), ""])


def _lines(content: ZoneContent) -> Iterator[str]:
    soa = content.soa
    mailbox = text_of(parse_mailbox(soa.email)) if "@" in soa.email else _absolute(soa.email)
    yield f"$ORIGIN {content.name}."
    yield f"$TTL {soa.ttl}"
    times = f"{soa.serial} {soa.refresh} {RETRY_SECONDS} {soa.expire} {soa.nx_domain_ttl}"
    yield f"@ IN SOA {_absolute(soa.server)} {mailbox} ({times})"
    for record in content.records:
        kind = "TXT" if record.field_type in _TEXT_TYPES else record.field_type
        target = _quoted(record.target) if kind == "TXT" else record.target
        ttl = f"{record.ttl} " if record.ttl else ""
        yield f"{record.sub_domain or '@'} {ttl}IN {kind} {target}"


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _quoted(target: str) -> str:
    return " ".join(f'"{_escaped(string)}"' for string in split_text(target))


def _escaped(string: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03}" for byte in string)
