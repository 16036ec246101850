"""The calls of `/domain` around zones: whole zones in and out, earlier states, tasks, DNSSEC, the contract."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource
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
    TASK,
    TASK_STATUS,
)
from mandat.sandbox.domain.zone_files_api import (
    export_zone,
    get_restore_point,
    import_zone,
    list_history,
    reset_zone,
    restore_zone,
)
from mandat.sandbox.domain.zone_table import ZONE_NAME
from mandat.sandbox.domain.zones_api import of_zone

_TASK_ID = Parameter("id", "long", "path", "Identifier of the task", required=True)
_CREATION_DATE = Parameter("creationDate", "datetime", "path", "Time of the earlier state", required=True)

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
            (ZONE_NAME,),
        ),
        Operation(
            "POST",
            "Switch DNSSEC on in the DNS zone",
            "void",
            "dnsZone:apiovh:dnssec/create",
            of_zone(enable_dnssec),
            (ZONE_NAME,),
        ),
        Operation(
            "DELETE",
            "Switch DNSSEC off in the DNS zone",
            "void",
            "dnsZone:apiovh:dnssec/delete",
            of_zone(disable_dnssec),
            (ZONE_NAME,),
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
            (ZONE_NAME, Parameter("zoneFile", "text", "body", "The zone file, as BIND reads it", required=True)),
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
            (ZONE_NAME,),
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
                ZONE_NAME,
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
                ZONE_NAME,
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
            (ZONE_NAME, _CREATION_DATE),
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
            (ZONE_NAME, _CREATION_DATE),
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
            (ZONE_NAME,),
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
            (ZONE_NAME,),
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
                ZONE_NAME,
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
            (ZONE_NAME, _TASK_ID),
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
                (ZONE_NAME, _TASK_ID),
            ),
        ),
    )


_TASK_ACTIONS = (
    _task_action("accelerate", "Begin a task on the DNS zone at once"),
    _task_action("cancel", "Cancel a task on the DNS zone"),
    _task_action("relaunch", "Start a failed or cancelled task on the DNS zone anew"),
)

SERVICE_RESOURCES = (
    _DOMAINS, _DNSSEC, _IMPORT, _EXPORT, _RESET, _HISTORY, _RESTORE_POINT, _RESTORE, _CAPABILITIES, _SERVICE, _TASKS,
    _TASK, *_TASK_ACTIONS,
)  # fmt: skip
