"""The calls of `/domain/zone` on zones, records and what is staged: names, arguments, handlers."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource
from mandat.sandbox.domain.models import FIELD_TYPE, RECORD, SOA, STATUS, ZONE
from mandat.sandbox.domain.records_api import create_record, get_record, list_zone_records, put_record, remove_record
from mandat.sandbox.domain.zones_api import get_soa, get_status, get_zone, list_own_zones, of_zone, put_soa, refresh

ZONE_NAME = Parameter("zoneName", "string", "path", "Name of the DNS zone", required=True)
_RECORD_ID = Parameter("id", "long", "path", "Identifier of the record", required=True)

_ZONES = Resource(
    "/domain/zone",
    "Your DNS zones",
    (
        Operation("GET", "List your DNS zones", "string[]", "dnsZone:apiovh:get", list_own_zones),
    ),
)  # fmt: skip
_ZONE = Resource(
    "/domain/zone/{zoneName}",
    "A DNS zone",
    (
        Operation(
            "GET",
            "Read the properties of the DNS zone",
            ZONE.name,
            "dnsZone:apiovh:get",
            of_zone(get_zone),
            (ZONE_NAME,),
        ),
    ),
)
_STATUS = Resource(
    "/domain/zone/{zoneName}/status",
    "State of a DNS zone",
    (
        Operation(
            "GET",
            "Read the state of the DNS zone",
            STATUS.name,
            "dnsZone:apiovh:status/get",
            of_zone(get_status),
            (ZONE_NAME,),
        ),
    ),
)
_SOA = Resource(
    "/domain/zone/{zoneName}/soa",
    "Start of authority of a DNS zone",
    (
        Operation(
            "GET",
            "Read the start of authority (SOA) of the DNS zone",
            SOA.name,
            "dnsZone:apiovh:soa/get",
            of_zone(get_soa),
            (ZONE_NAME,),
        ),
        Operation(
            "PUT",
            "Change the start of authority (SOA) of the DNS zone",
            "void",
            "dnsZone:apiovh:soa/edit",
            of_zone(put_soa),
            (ZONE_NAME, Parameter("", SOA.name, "body", "Members to change", required=True)),
        ),
    ),
)
_RECORDS = Resource(
    "/domain/zone/{zoneName}/record",
    "Records of a DNS zone",
    (
        Operation(
            "GET",
            "List the DNS records of the zone",
            "long[]",
            "dnsZone:apiovh:record/get",
            of_zone(list_zone_records),
            (
                ZONE_NAME,
                Parameter("fieldType", FIELD_TYPE.name, "query", "Only records of this type"),
                Parameter("subDomain", "string", "query", "Only records of this name; empty for the zone itself"),
            ),
        ),
        Operation(
            "POST",
            "Create a DNS record in the zone",
            RECORD.name,
            "dnsZone:apiovh:record/create",
            of_zone(create_record),
            (
                ZONE_NAME,
                Parameter("fieldType", FIELD_TYPE.name, "body", "Type of the record", required=True),
                Parameter("subDomain", "string", "body", "Name within the zone; empty for the zone itself"),
                Parameter("target", "string", "body", "What the record says", required=True),
                Parameter("ttl", "long", "body", "Seconds for which it is remembered; 0 for the zone's default"),
            ),
            honours_keys=True,
        ),
    ),
)
_RECORD = Resource(
    "/domain/zone/{zoneName}/record/{id}",
    "A record of a DNS zone",
    (
        Operation(
            "GET",
            "Read a DNS record of the zone",
            RECORD.name,
            "dnsZone:apiovh:record/get",
            of_zone(get_record),
            (ZONE_NAME, _RECORD_ID),
        ),
        Operation(
            "PUT",
            "Change a DNS record of the zone",
            "void",
            "dnsZone:apiovh:record/edit",
            of_zone(put_record),
            (ZONE_NAME, _RECORD_ID, Parameter("", RECORD.name, "body", "Members to change", required=True)),
        ),
        Operation(
            "DELETE",
            "Delete a DNS record of the zone",
            "void",
            "dnsZone:apiovh:record/delete",
            of_zone(remove_record),
            (ZONE_NAME, _RECORD_ID),
        ),
    ),
)
_REFRESH = Resource(
    "/domain/zone/{zoneName}/refresh",
    "Refreshing a DNS zone",
    (
        Operation(
            "POST",
            "Put the changes of the DNS zone into effect",
            "void",
            "dnsZone:apiovh:refresh",
            of_zone(refresh),
            (ZONE_NAME,),
            honours_keys=True,
        ),
    ),
)


ZONE_RESOURCES = (_ZONES, _ZONE, _STATUS, _SOA, _RECORDS, _RECORD, _REFRESH)
