"""The models of instances and operations: members for the description, and values turned into them."""

from mandat.protocol.messages import wire_datetime
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property
from mandat.sandbox.cloud.catalogue import find_flavor, find_image
from mandat.sandbox.cloud.models import FLAVOR, IMAGE, SSH_KEY_DETAIL, flavor_fields, image_fields, key_detail_fields
from mandat.sandbox.store.cloud import Instance
from mandat.sandbox.store.operations import CloudOperation, OperationPart

CREATE_ACTION = "instance#create"

INSTANCE_STATUS = Model(
    "cloud.instance.InstanceStatusEnum",
    "States of an instance",
    values=("ACTIVE", "BUILD", "DELETED", "DELETING", "ERROR", "REBOOT", "SHUTOFF", "STOPPED", "UNKNOWN"),
)
IP_ADDRESS = Model(
    "cloud.instance.IpAddress",
    "An address of an instance",
    (
        Property("ip", "string", "The address", read_only=True),
        Property("type", "string", "Whether it is public or private", read_only=True),
        Property("version", "long", "IP version", read_only=True),
        Property("networkId", "string", "Network of the address", read_only=True),
        Property("gatewayIp", "string", "Gateway of the address", nullable=True, read_only=True),
        Property(
            "httpPort",
            "long",
            "Port the instance serves its site on; only here, where ports below 1024 are not to be had",
            read_only=True,
        ),
    ),
)
BILLING_STATUS = Model(
    "cloud.instance.MonthlyBillingStatusEnum", "States of monthly billing", values=("activationPending", "ok")
)
MONTHLY_BILLING = Model(
    "cloud.instance.MonthlyBilling",
    "Monthly billing of an instance",
    (
        Property("since", "datetime", "Since when", read_only=True),
        Property("status", BILLING_STATUS.name, "State of it", read_only=True),
    ),
)
_COMMON = (
    Property("id", "string", "Identifier of the instance", read_only=True),
    Property("name", "string", "Name of the instance", read_only=True),
    Property("status", INSTANCE_STATUS.name, "State of the instance", read_only=True),
    Property("region", "string", "Region of the instance", read_only=True),
    Property("created", "datetime", "When it was created", read_only=True),
    Property("ipAddresses", f"{IP_ADDRESS.name}[]", "Addresses; none while it is built", read_only=True),
    Property("monthlyBilling", MONTHLY_BILLING.name, "Monthly billing", nullable=True, read_only=True),
    Property("planCode", "string", "What is paid for", nullable=True, read_only=True),
    Property("operationIds", "string[]", "Operations that work on it", read_only=True),
)
INSTANCE = Model(
    "cloud.instance.Instance",
    "An instance",
    (
        *_COMMON,
        Property("flavorId", "string", "Its flavor", read_only=True),
        Property("imageId", "string", "Its image", read_only=True),
        Property("sshKeyId", "string", "Its key", nullable=True, read_only=True),
    ),
)
INSTANCE_DETAIL = Model(
    "cloud.instance.InstanceDetail",
    "An instance with its flavor, image and key",
    (
        *_COMMON,
        Property("flavor", FLAVOR.name, "Its flavor", read_only=True),
        Property("image", IMAGE.name, "Its image", read_only=True),
        Property("sshKey", SSH_KEY_DETAIL.name, "Its key", nullable=True, read_only=True),
    ),
)
ADDRESS = Model(
    "cloud.instance.region.Address",
    "An address of an instance",
    (
        Property("ip", "string", "The address", read_only=True),
        Property("version", "long", "IP version", read_only=True),
    ),
)
REGION_INSTANCE = Model(
    "cloud.instance.region.Instance",
    "An instance as its region shows it",
    (
        Property("id", "string", "Identifier of the instance", read_only=True),
        Property("name", "string", "Name of the instance", read_only=True),
        Property("status", INSTANCE_STATUS.name, "State of the instance", read_only=True),
        Property("taskState", "string", "What is being done to it", read_only=True),
        Property("region", "string", "Region of the instance", read_only=True),
        Property("availabilityZone", "string", "Zone within the region", nullable=True, read_only=True),
        Property("flavorId", "string", "Its flavor", read_only=True),
        Property("flavorName", "string", "Name of its flavor", read_only=True),
        Property("imageId", "string", "Its image", read_only=True),
        Property("sshKey", "string", "Name of its key", nullable=True, read_only=True),
        Property("addresses", f"{ADDRESS.name}[]", "Addresses; none while it is built", read_only=True),
        Property("attachedVolumes", "string[]", "Volumes attached to it", read_only=True),
    ),
)
OPERATION_STATUS = Model(
    "cloud.OperationStatusEnum",
    "States of an operation",
    values=("completed", "created", "in-error", "in-progress", "null", "unknown"),
)
_STEP = (
    Property("id", "uuid", "Identifier of the operation", read_only=True),
    Property("action", "string", "What is done", read_only=True),
    Property("status", OPERATION_STATUS.name, "State of the operation", read_only=True),
    Property("progress", "long", "Percent done", read_only=True),
    Property("resourceId", "string", "What it creates, when that is one thing", nullable=True, read_only=True),
    Property("createdAt", "datetime", "When it was asked for", read_only=True),
    Property("startedAt", "datetime", "When it began", nullable=True, read_only=True),
    Property("completedAt", "datetime", "When it ended", nullable=True, read_only=True),
    Property("regions", "string[]", "Where it happens", read_only=True),
)
SUB_OPERATION = Model("cloud.SubOperation", "A part of an operation", _STEP)
OPERATION = Model(
    "cloud.Operation",
    "What a call started",
    (*_STEP, Property("subOperations", f"{SUB_OPERATION.name}[]", "Its parts", nullable=True, read_only=True)),
)

INSTANCE_MODELS = (
    INSTANCE, INSTANCE_DETAIL, INSTANCE_STATUS, IP_ADDRESS, MONTHLY_BILLING, BILLING_STATUS, REGION_INSTANCE, ADDRESS,
    OPERATION, SUB_OPERATION, OPERATION_STATUS,
)  # fmt: skip

_PROGRESS = {"created": 0, "in-progress": 50, "completed": 100, "in-error": 100}


def instance_fields(instance: Instance, *, http_port: int, operations: list[str]) -> dict[str, JsonValue]:
    """An instance as lists give it back."""
    key = instance.ssh_key
    return {
        **_common_fields(instance, http_port=http_port, operations=operations),
        "flavorId": instance.flavor_id,
        "imageId": instance.image_id,
        "sshKeyId": None if key is None else key.id,
    }


def instance_detail_fields(instance: Instance, *, http_port: int, operations: list[str]) -> dict[str, JsonValue]:
    """One instance as the API gives it back, with flavor, image and key in it."""
    flavor, image, key = find_flavor(instance.flavor_id), find_image(instance.image_id), instance.ssh_key
    return {
        **_common_fields(instance, http_port=http_port, operations=operations),
        "flavor": None if flavor is None else flavor_fields(flavor),
        "image": None if image is None else image_fields(image),
        "sshKey": None if key is None else key_detail_fields(key),
    }


def region_instance_fields(instance: Instance) -> dict[str, JsonValue]:
    """An instance as its region gives it back."""
    flavor, key = find_flavor(instance.flavor_id), instance.ssh_key
    return {
        "id": instance.id,
        "name": instance.name,
        "status": instance.status,
        "taskState": "spawning" if instance.status == "BUILD" else "",
        "region": instance.region,
        "availabilityZone": None,
        "flavorId": instance.flavor_id,
        "flavorName": "" if flavor is None else flavor.name,
        "imageId": instance.image_id,
        "sshKey": None if key is None else key.name,
        "addresses": [{"ip": address, "version": 4} for address in _addresses(instance)],
        "attachedVolumes": [],
    }


def operation_fields(operation: CloudOperation) -> dict[str, JsonValue]:
    """An operation as the API gives it back. Its parts are always there: terraform takes the instance from them."""
    statuses = [part.status for part in operation.parts]
    status = next((each for each in ("in-error", "in-progress", "created") if each in statuses), "completed")
    if status == "created" and "completed" in statuses:
        status = "in-progress"
    ended = [part.completed for part in operation.parts if part.completed is not None]
    started = [part.started for part in operation.parts if part.started is not None]
    whole = OperationPart(
        id=operation.id,
        instance=operation.parts[0].instance if len(operation.parts) == 1 else "",
        status=status,
        started=min(started, default=None),
        completed=max(ended) if status in ("completed", "in-error") and ended else None,
    )
    progress = sum(_PROGRESS[each] for each in statuses) // len(statuses)
    return {
        **_step_fields(operation, whole),
        "progress": progress,
        "subOperations": [_step_fields(operation, part) for part in operation.parts],
    }


def _step_fields(operation: CloudOperation, part: OperationPart) -> dict[str, JsonValue]:
    return {
        "id": part.id,
        "action": operation.action,
        "status": part.status,
        "progress": _PROGRESS[part.status],
        "resourceId": part.instance or None,
        "createdAt": wire_datetime(operation.created),
        "startedAt": None if part.started is None else wire_datetime(part.started),
        "completedAt": None if part.completed is None else wire_datetime(part.completed),
        "regions": [operation.region],
    }


def _common_fields(instance: Instance, *, http_port: int, operations: list[str]) -> dict[str, JsonValue]:
    flavor = find_flavor(instance.flavor_id)
    created = wire_datetime(instance.created)
    plan = "monthly.postpaid" if instance.monthly else "consumption"
    return {
        "id": instance.id,
        "name": instance.name,
        "status": instance.status,
        "region": instance.region,
        "created": created,
        "ipAddresses": [
            {
                "ip": address,
                "type": "public",
                "version": 4,
                "networkId": f"Ext-Net-{instance.region}",
                "gatewayIp": None,
                "httpPort": http_port,
            }
            for address in _addresses(instance)
        ],
        "monthlyBilling": {"since": created, "status": "ok"} if instance.monthly else None,
        "planCode": None if flavor is None else f"{flavor.name}.{plan}",
        "operationIds": [*operations],
    }


def _addresses(instance: Instance) -> list[str]:
    return [instance.address] if instance.status == "ACTIVE" and instance.address is not None else []
