"""The models of zones and records: their members for the description, and values turned into them."""

import uuid

from mandat.protocol.messages import wire_datetime
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property
from mandat.sandbox.dns.targets import FIELD_TYPES
from mandat.sandbox.store.zones import Zone
from mandat.sandbox.zone_content import Soa, ZoneRecord

FIELD_TYPE = Model("domain.zone.FieldTypeEnum", "Types of DNS record", values=FIELD_TYPES)

ZONE = Model(
    "domain.zone.Zone",
    "A DNS zone",
    (
        Property("name", "string", "Name of the zone", read_only=True),
        Property("lastUpdate", "datetime", "When the zone was last refreshed", read_only=True),
        Property("nameServers", "string[]", "Name servers of the zone", read_only=True),
        Property("dnssecSupported", "boolean", "Whether DNSSEC can be switched on", read_only=True),
        Property("dnssecActivated", "boolean", "Whether DNSSEC is switched on", read_only=True),
        Property("hasDnsAnycast", "boolean", "Whether the zone is served from many places", read_only=True),
        Property("iam", "iam.ResourceMetadata", "The zone as a resource of access policies", read_only=True),
    ),
)
RESOURCE_METADATA = Model(
    "iam.ResourceMetadata",
    "A resource of access policies",
    (
        Property("id", "uuid", "Unique identifier", read_only=True),
        Property("urn", "string", "Name that policies use", read_only=True),
        Property("displayName", "string", "Name for people", nullable=True, read_only=True),
        Property("tags", "map[string]string", "Tags", nullable=True, read_only=True),
    ),
)
STATUS = Model(
    "domain.zone.Status",
    "State of a DNS zone",
    (
        Property("isDeployed", "boolean", "Whether the zone is served", read_only=True),
        Property("errors", "string[]", "What keeps the zone from being served", nullable=True, read_only=True),
        Property("warnings", "string[]", "What is served but probably not meant", nullable=True, read_only=True),
    ),
)
SOA = Model(
    "domain.zone.Soa",
    "Start of authority of a DNS zone",
    (
        Property("server", "string", "Name of the first name server"),
        Property("email", "string", "Mail address of who looks after the zone"),
        Property("serial", "long", "Serial number, raised at each refresh"),
        Property("refresh", "long", "Seconds after which a second server asks again"),
        Property("expire", "long", "Seconds after which a second server gives up"),
        Property("nxDomainTtl", "long", "Seconds for which a missing name is remembered"),
        Property("ttl", "long", "Seconds for which records without a time of their own are remembered"),
    ),
)
RECORD = Model(
    "domain.zone.Record",
    "A record of a DNS zone",
    (
        Property("id", "long", "Identifier of the record", read_only=True),
        Property("zone", "string", "Zone of the record", read_only=True),
        Property("fieldType", FIELD_TYPE.name, "Type of the record", read_only=True),
        Property("subDomain", "string", "Name within the zone; empty for the zone itself", nullable=True),
        Property("target", "string", "What the record says"),
        Property("ttl", "long", "Seconds for which it is remembered; 0 for the zone's default", nullable=True),
    ),
)


def record_fields(zone: Zone, record: ZoneRecord) -> dict[str, JsonValue]:
    """A record as the API gives it back."""
    return {
        "id": record.id,
        "zone": zone.name,
        "fieldType": record.field_type,
        "subDomain": record.sub_domain,
        "target": record.target,
        "ttl": record.ttl,
    }


def soa_fields(soa: Soa) -> dict[str, JsonValue]:
    """A start of authority as the API gives it back."""
    return {
        "server": soa.server,
        "email": soa.email,
        "serial": soa.serial,
        "refresh": soa.refresh,
        "expire": soa.expire,
        "nxDomainTtl": soa.nx_domain_ttl,
        "ttl": soa.ttl,
    }


def zone_fields(zone: Zone, name_servers: list[str]) -> dict[str, JsonValue]:
    """A zone as the API gives it back."""
    urn = f"urn:v1:eu:resource:dnsZone:{zone.name}"
    return {
        "name": zone.name,
        "lastUpdate": wire_datetime(zone.last_update),
        "nameServers": [*name_servers],
        "dnssecSupported": True,
        "dnssecActivated": zone.dnssec,
        "hasDnsAnycast": False,
        "iam": {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, urn)), "urn": urn, "displayName": zone.name, "tags": {}},
    }
