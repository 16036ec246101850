"""The models of what surrounds a zone: tasks, restore points, DNSSEC, capabilities, the service."""

from mandat.protocol.messages import wire_datetime
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property
from mandat.sandbox.domain.models import FIELD_TYPE
from mandat.sandbox.store.tasks import Task
from mandat.sandbox.tasks.life import MAY, TaskState

TASK_STATUS = Model(
    "domain.OperationStatusEnum",
    "States of a task on a DNS zone",
    values=("todo", "doing", "done", "problem", "error", "cancelled"),
)
TASK = Model(
    "domain.zone.Task",
    "A task on a DNS zone",
    (
        Property("id", "long", "Identifier of the task", read_only=True),
        Property("function", "string", "What the task does", read_only=True),
        Property("status", TASK_STATUS.name, "State of the task", read_only=True),
        Property("comment", "string", "Why the task ended in an error", nullable=True, read_only=True),
        Property("creationDate", "datetime", "When it was asked for", read_only=True),
        Property("todoDate", "datetime", "When it begins", read_only=True),
        Property("doneDate", "datetime", "When it ended", nullable=True, read_only=True),
        Property("lastUpdate", "datetime", "When its state last changed", read_only=True),
        Property("canAccelerate", "boolean", "Whether it can be asked to begin at once", read_only=True),
        Property("canCancel", "boolean", "Whether it can be cancelled", read_only=True),
        Property("canRelaunch", "boolean", "Whether it can be started anew", read_only=True),
    ),
)
RESTORE_POINT = Model(
    "domain.zone.ZoneRestorePoint",
    "An earlier state of a DNS zone",
    (
        Property("creationDate", "datetime", "When the zone was so", read_only=True),
        Property("zoneFileUrl", "string", "Where the zone file of that state is", read_only=True),
    ),
)
DNSSEC_STATUS = Model(
    "domain.DnssecStatusEnum",
    "States of DNSSEC",
    values=("disableInProgress", "disabled", "enableInProgress", "enabled"),
)
DNSSEC = Model(
    "domain.zone.Dnssec",
    "DNSSEC of a DNS zone",
    (Property("status", DNSSEC_STATUS.name, "State of DNSSEC", read_only=True),),
)
CAPABILITIES = Model(
    "domain.zone.Capabilities",
    "What a DNS zone offers beyond records",
    (Property("dynHost", "boolean", "Whether dynamic addresses are offered", read_only=True),),
)
RESET_RECORD = Model(
    "domain.zone.ResetRecord",
    "A record that a reset zone is to have",
    (
        Property("fieldType", FIELD_TYPE.name, "Type of the record", required=True),
        Property("target", "string", "What the record says", required=True),
    ),
)
SERVICE_STATE = Model(
    "service.StateEnum", "States of a service", values=("expired", "inCreation", "ok", "pendingDebt", "unPaid")
)
RENEWAL_TYPE = Model(
    "service.RenewalTypeEnum",
    "How a service is renewed",
    values=(
        "automaticForcedProduct",
        "automaticV2012",
        "automaticV2014",
        "automaticV2016",
        "manual",
        "oneShot",
        "option",
    ),
)
RENEW = Model(
    "service.RenewType",
    "Renewal of a service",
    (
        Property("automatic", "boolean", "Whether the service is renewed by itself", read_only=True),
        Property("deleteAtExpiration", "boolean", "Whether it ends when it expires", read_only=True),
        Property("forced", "boolean", "Whether renewal cannot be refused", read_only=True),
        Property("manualPayment", "boolean", "Whether each renewal is paid by hand", nullable=True, read_only=True),
        Property("period", "long", "Months of each renewal", nullable=True, read_only=True),
    ),
)
SERVICE = Model(
    "services.Service",
    "The contract behind a product",
    (
        Property("serviceId", "long", "Identifier of the service", read_only=True),
        Property("domain", "string", "Name of the product", read_only=True),
        Property("status", SERVICE_STATE.name, "State of the service", read_only=True),
        Property("contactAdmin", "string", "Account that administers it", read_only=True),
        Property("contactTech", "string", "Account for technical questions", read_only=True),
        Property("contactBilling", "string", "Account that pays", read_only=True),
        Property("creation", "date", "When it began", read_only=True),
        Property("expiration", "date", "When it ends unless it is renewed", read_only=True),
        Property("engagedUpTo", "date", "Until when it cannot be ended", nullable=True, read_only=True),
        Property("possibleRenewPeriod", "long[]", "Months that renewals may have", nullable=True, read_only=True),
        Property("renew", RENEW.name, "How it is renewed", nullable=True, read_only=True),
        Property("renewalType", RENEWAL_TYPE.name, "Kind of renewal", read_only=True),
        Property("canDeleteAtExpiration", "boolean", "Whether it may end when it expires", read_only=True),
    ),
)

SERVICE_MODELS = (
    TASK, TASK_STATUS, RESTORE_POINT, DNSSEC, DNSSEC_STATUS, CAPABILITIES, RESET_RECORD, SERVICE, SERVICE_STATE, RENEW,
    RENEWAL_TYPE,
)  # fmt: skip


def task_fields(task: Task) -> dict[str, JsonValue]:
    """A task on a zone as the API gives it back."""
    ended = task.state not in (TaskState.TODO, TaskState.DOING)
    return {
        "id": task.id,
        "function": task.function,
        "status": task.state,
        "comment": task.comment,
        "creationDate": wire_datetime(task.created),
        "todoDate": wire_datetime(task.starts),
        "doneDate": wire_datetime(task.updated) if ended else None,
        "lastUpdate": wire_datetime(task.updated),
        "canAccelerate": task.state in MAY["accelerate"],
        "canCancel": task.state in MAY["cancel"],
        "canRelaunch": task.state in MAY["relaunch"],
    }
