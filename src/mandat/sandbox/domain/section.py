"""The section `/domain`: which calls there are, what they are called, what they take."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource, Section
from mandat.sandbox.domain.models import FIELD_TYPE, RECORD, RESOURCE_METADATA, SOA, STATUS, ZONE
from mandat.sandbox.domain.records_api import create_record, get_record, list_zone_records, put_record, remove_record
from mandat.sandbox.domain.service_api import (
    changing_task,
    disable_dnssec,
    enable_dnssec,
    get_capabilities,
    get_dnssec,
    get_service,
    get_zone_task,
    list_domains,
    list_zone_tasks,
)
from mandat.sandbox.domain.service_models import (
    CAPABILITIES,
    DNSSEC,
    RESET_RECORD,
    RESTORE_POINT,
    SERVICE,
    SERVICE_MODELS,
    TASK,
    TASK_STATUS,
)
from mandat.sandbox.domain.zone_files_api import (
    IMPORT,
    PRODUCT,
    RESTORE,
    export_zone,
    get_restore_point,
    import_zone,
    list_history,
    replace_zone,
    reset_zone,
    restore_zone,
)
from mandat.sandbox.domain.zones_api import get_soa, get_status, get_zone, list_own_zones, of_zone, put_soa, refresh
from mandat.sandbox.tasks import Performers, Work

_ZONE_NAME = Parameter("zoneName", "string", "path", "Name of the DNS zone", required=True)
_RECORD_ID = Parameter("id", "long", "path", "Identifier of the record", required=True)
_TASK_ID = Parameter("id", "long", "path", "Identifier of the task", required=True)
_CREATION_DATE = Parameter("creationDate", "datetime", "path", "Time of the earlier state", required=True)

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
            (_ZONE_NAME,),
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
            (_ZONE_NAME,),
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
            (_ZONE_NAME,),
        ),
        Operation(
            "PUT",
            "Change the start of authority (SOA) of the DNS zone",
            "void",
            "dnsZone:apiovh:soa/edit",
            of_zone(put_soa),
            (_ZONE_NAME, Parameter("", SOA.name, "body", "Members to change", required=True)),
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
                _ZONE_NAME,
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
                _ZONE_NAME,
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
            (_ZONE_NAME, _RECORD_ID),
        ),
        Operation(
            "PUT",
            "Change a DNS record of the zone",
            "void",
            "dnsZone:apiovh:record/edit",
            of_zone(put_record),
            (_ZONE_NAME, _RECORD_ID, Parameter("", RECORD.name, "body", "Members to change", required=True)),
        ),
        Operation(
            "DELETE",
            "Delete a DNS record of the zone",
            "void",
            "dnsZone:apiovh:record/delete",
            of_zone(remove_record),
            (_ZONE_NAME, _RECORD_ID),
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
            (_ZONE_NAME,),
        ),
    ),
)

_DOMAINS = Resource(
    "/domain",
    "Your domain names",
    (
        Operation("GET", "List your domain names", "string[]", "domain:apiovh:get", list_domains),
    ),
)  # fmt: skip
_DNSSEC = Resource(
    "/domain/zone/{zoneName}/dnssec",
    "DNSSEC of a DNS zone",
    (
        Operation(
            "GET",
            "Read whether DNSSEC is switched on in the DNS zone",
            DNSSEC.name,
            "dnsZone:apiovh:dnssec/get",
            of_zone(get_dnssec),
            (_ZONE_NAME,),
        ),
        Operation(
            "POST",
            "Switch DNSSEC on in the DNS zone",
            "void",
            "dnsZone:apiovh:dnssec/create",
            of_zone(enable_dnssec),
            (_ZONE_NAME,),
        ),
        Operation(
            "DELETE",
            "Switch DNSSEC off in the DNS zone",
            "void",
            "dnsZone:apiovh:dnssec/delete",
            of_zone(disable_dnssec),
            (_ZONE_NAME,),
        ),
    ),
)
_IMPORT = Resource(
    "/domain/zone/{zoneName}/import",
    "Importing a zone file",
    (
        Operation(
            "POST",
            "Replace all records of the DNS zone by those of a zone file",
            TASK.name,
            "dnsZone:apiovh:import",
            of_zone(import_zone),
            (_ZONE_NAME, Parameter("zoneFile", "text", "body", "The zone file, as BIND reads it", required=True)),
            honours_keys=True,
            starts_work=True,
        ),
    ),
)
_EXPORT = Resource(
    "/domain/zone/{zoneName}/export",
    "A DNS zone as a file",
    (
        Operation(
            "GET",
            "Read the whole DNS zone as a zone file",
            "text",
            "dnsZone:apiovh:export",
            of_zone(export_zone),
            (_ZONE_NAME,),
        ),
    ),
)
_RESET = Resource(
    "/domain/zone/{zoneName}/reset",
    "Resetting a DNS zone",
    (
        Operation(
            "POST",
            "Delete all records of the DNS zone but its name servers, and put that into effect",
            "void",
            "dnsZone:apiovh:reset",
            of_zone(reset_zone),
            (
                _ZONE_NAME,
                Parameter("DnsRecords", f"{RESET_RECORD.name}[]", "body", "Records that the zone itself is to have"),
                Parameter("minimized", "boolean", "body", "Whether only what must be there is left"),
            ),
        ),
    ),
)
_HISTORY = Resource(
    "/domain/zone/{zoneName}/history",
    "Earlier states of a DNS zone",
    (
        Operation(
            "GET",
            "List the earlier states of the DNS zone",
            "datetime[]",
            "dnsZone:apiovh:history/get",
            of_zone(list_history),
            (
                _ZONE_NAME,
                Parameter("creationDate.from", "datetime", "query", "Only states of this time and later"),
                Parameter("creationDate.to", "datetime", "query", "Only states of this time and earlier"),
            ),
        ),
    ),
)
_RESTORE_POINT = Resource(
    "/domain/zone/{zoneName}/history/{creationDate}",
    "An earlier state of a DNS zone",
    (
        Operation(
            "GET",
            "Read an earlier state of the DNS zone",
            RESTORE_POINT.name,
            "dnsZone:apiovh:history/get",
            of_zone(get_restore_point),
            (_ZONE_NAME, _CREATION_DATE),
        ),
    ),
)
_RESTORE = Resource(
    "/domain/zone/{zoneName}/history/{creationDate}/restore",
    "Restoring a DNS zone",
    (
        Operation(
            "POST",
            "Replace all records of the DNS zone by those of an earlier state",
            TASK.name,
            "dnsZone:apiovh:history/restore",
            of_zone(restore_zone),
            (_ZONE_NAME, _CREATION_DATE),
            honours_keys=True,
            starts_work=True,
        ),
    ),
)
_CAPABILITIES = Resource(
    "/domain/zone/{zoneName}/capabilities",
    "Capabilities of a DNS zone",
    (
        Operation(
            "GET",
            "Read what the DNS zone offers beyond records",
            CAPABILITIES.name,
            "dnsZone:apiovh:capabilities/get",
            of_zone(get_capabilities),
            (_ZONE_NAME,),
        ),
    ),
)
_SERVICE = Resource(
    "/domain/zone/{zoneName}/serviceInfos",
    "The contract of a DNS zone",
    (
        Operation(
            "GET",
            "Read the contract of the DNS zone: contacts, renewal, expiry",
            SERVICE.name,
            "dnsZone:apiovh:serviceInfos/get",
            of_zone(get_service),
            (_ZONE_NAME,),
        ),
    ),
)
_TASKS = Resource(
    "/domain/zone/{zoneName}/task",
    "Tasks on a DNS zone",
    (
        Operation(
            "GET",
            "List the tasks on the DNS zone",
            "long[]",
            "dnsZone:apiovh:task/get",
            of_zone(list_zone_tasks),
            (
                _ZONE_NAME,
                Parameter("function", "string", "query", "Only tasks that do this"),
                Parameter("status", TASK_STATUS.name, "query", "Only tasks in this state"),
            ),
        ),
    ),
)
_TASK = Resource(
    "/domain/zone/{zoneName}/task/{id}",
    "A task on a DNS zone",
    (
        Operation(
            "GET",
            "Read a task on the DNS zone",
            TASK.name,
            "dnsZone:apiovh:task/get",
            of_zone(get_zone_task),
            (_ZONE_NAME, _TASK_ID),
        ),
    ),
)


def _task_action(wish: str, description: str) -> Resource:
    return Resource(
        f"/domain/zone/{{zoneName}}/task/{{id}}/{wish}",
        "A task on a DNS zone",
        (
            Operation(
                "POST",
                description,
                "void",
                f"dnsZone:apiovh:task/{wish}",
                of_zone(changing_task(wish)),
                (_ZONE_NAME, _TASK_ID),
            ),
        ),
    )


_TASK_ACTIONS = (
    _task_action("accelerate", "Begin a task on the DNS zone at once"),
    _task_action("cancel", "Cancel a task on the DNS zone"),
    _task_action("relaunch", "Start a failed or cancelled task on the DNS zone anew"),
)

DOMAIN = Section(
    name="domain",
    description="Domain names and DNS zones",
    resources=(
        _DOMAINS, _ZONES, _ZONE, _STATUS, _SOA, _RECORDS, _RECORD, _REFRESH, _DNSSEC, _IMPORT, _EXPORT, _RESET,
        _HISTORY, _RESTORE_POINT, _RESTORE, _CAPABILITIES, _SERVICE, _TASKS, _TASK, *_TASK_ACTIONS,
    ),
    models=(ZONE, RESOURCE_METADATA, STATUS, SOA, RECORD, FIELD_TYPE, *SERVICE_MODELS),
)  # fmt: skip

DOMAIN_WORK: Performers = {(PRODUCT, IMPORT): Work(replace_zone), (PRODUCT, RESTORE): Work(replace_zone)}
"""What tasks on zones do when they end."""
