"""Handlers of what surrounds a zone: the list of domains, the DNSSEC flag, capabilities, the service and its tasks."""

from datetime import UTC, datetime

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Refused
from mandat.sandbox.domain.service_models import task_fields
from mandat.sandbox.domain.zone_files_api import PRODUCT
from mandat.sandbox.domain.zones_api import ZoneHandler
from mandat.sandbox.store.tasks import find_task, list_tasks
from mandat.sandbox.store.zones import Zone, list_zones, set_dnssec
from mandat.sandbox.tasks.life import change_task

YEARS_OF_SERVICE = 10  # far enough: no zone here ends by time

_NO_SUCH_TASK = Refused(Reason.UNKNOWN_OBJECT, "This task does not exist")


def list_domains(desk: Desk, arguments: Arguments) -> Answer:
    """The names of the account's domains: every zone here belongs to one of the same name."""
    return Answered([*list_zones(desk.connection, desk.account)])


def get_dnssec(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The flag. What DNS serves is not signed."""
    return Answered({"status": "enabled" if zone.dnssec else "disabled"})


def enable_dnssec(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Sets the flag; an error when it is set."""
    return _switch(desk, zone, enabled=True)


def disable_dnssec(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Takes the flag away; an error when it is not set."""
    return _switch(desk, zone, enabled=False)


def get_capabilities(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """What the sandbox offers for zones beyond records."""
    return Answered({"dynHost": False})


def get_service(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The contract behind the zone: renewed for nothing, forever."""
    return Answered(service_fields(zone.name, zone.account, created=zone.created, service_id=_service_id(zone)))


def list_zone_tasks(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Ids of the zone's tasks, oldest first, narrowed by function and state."""
    function, status = arguments.query.get("function"), arguments.query.get("status")
    return Answered(
        [
            task.id
            for task in list_tasks(desk.connection, PRODUCT, zone.name)
            if function in (None, task.function) and status in (None, task.state)
        ]
    )


def get_zone_task(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The task as it is now."""
    task = find_task(desk.connection, PRODUCT, zone.name, int(arguments.path["id"]))
    return _NO_SUCH_TASK if task is None else Answered(task_fields(task))


def changing_task(wish: str) -> ZoneHandler:
    """A handler that accelerates, cancels or relaunches the task of its path."""

    def handle(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
        task = find_task(desk.connection, PRODUCT, zone.name, int(arguments.path["id"]))
        if task is None:
            return _NO_SUCH_TASK
        if change_task(desk, task, wish) is None:
            return Refused(Reason.CONFLICT, f"A task that is {task.state} cannot be asked to {wish}")
        return Answered()

    return handle


def service_fields(name: str, account: str, *, created: float, service_id: int) -> dict[str, JsonValue]:
    """A service as the API gives it back."""
    since = datetime.fromtimestamp(created, UTC).date()
    return {
        "serviceId": service_id,
        "domain": name,
        "status": "ok",
        "contactAdmin": account,
        "contactTech": account,
        "contactBilling": account,
        "creation": since.isoformat(),
        "expiration": since.replace(year=since.year + YEARS_OF_SERVICE, day=min(since.day, 28)).isoformat(),
        "engagedUpTo": None,
        "possibleRenewPeriod": [12],
        "renew": {
            "automatic": True,
            "deleteAtExpiration": False,
            "forced": False,
            "manualPayment": False,
            "period": 12,
        },
        "renewalType": "automaticV2016",
        "canDeleteAtExpiration": False,
    }


def _switch(desk: Desk, zone: Zone, *, enabled: bool) -> Answer:
    if zone.dnssec == enabled:
        return Refused(Reason.CONFLICT, f"DNSSEC is {'enabled' if enabled else 'disabled'} already")
    set_dnssec(desk.connection, zone.name, enabled=enabled)
    return Answered()


def _service_id(zone: Zone) -> int:
    """A number of eight digits that follows from the zone's name and so stays the same."""
    return 10_000_000 + int.from_bytes(zone.name.encode("ascii")) % 89_999_999
