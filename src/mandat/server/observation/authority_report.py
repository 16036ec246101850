"""The report of the authority: what was asked of it and what it wrote into history since it began."""

from mandat.authority.values import AuditEvent
from mandat.server.observation import definitions
from mandat.server.observation.report import Number, Report
from mandat.storage.database import Storage


def authority_report(storage: Storage) -> Report:
    """How it is doing now. That it reports at all says that it is there."""
    requests = {"added": storage.requests.added, "too_many": storage.requests.too_many}
    numbers = [
        *(
            Number(definitions.AUTHORITY_EVENTS.name, (event.value,), storage.told.get(event.value, 0))
            for event in AuditEvent
        ),
        *(Number(definitions.PERMISSION_REQUESTS.name, (outcome,), count) for outcome, count in requests.items()),
    ]
    return Report("authority", numbers, [], True, [])
