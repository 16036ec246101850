"""Handlers of virtual servers: state, image, tasks. There is no machine behind them, and no call reaches one."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Handler, Refused
from mandat.sandbox.cloud.keys import is_public_key
from mandat.sandbox.store.tasks import Task, find_task, list_tasks
from mandat.sandbox.store.vps import Vps, find_vps, list_vps, set_vps
from mandat.sandbox.tasks.life import Order, TaskFault, TaskState, Work, start_task
from mandat.sandbox.vps.models import IMAGES, VPS, image_fields, task_fields, vps_fields

PRODUCT = "vps"
MAX_DISPLAY_NAME_CHARACTERS = 100

VpsHandler = Callable[[Desk, Arguments, Vps], Answer]


@dataclass(frozen=True, slots=True)
class Action:
    """Something a server can be asked to do: from which states, through which, to which."""

    function: str
    allowed: tuple[str, ...]
    meanwhile: str
    finally_: str
    seconds: float


REBOOT = Action("rebootVm", ("running",), "rebooting", "running", 1.0)
START = Action("startVm", ("stopped",), "maintenance", "running", 0.5)
STOP = Action("stopVm", ("running",), "stopping", "stopped", 0.5)
REBUILD = Action("rebuildVm", ("running", "stopped"), "installing", "running", 2.0)


def of_vps(handler: VpsHandler) -> Handler:
    """`handler` with the server of its path. Another account's is refused exactly as one that is not there."""

    def handle(desk: Desk, arguments: Arguments) -> Answer:
        vps = find_vps(desk.connection, desk.account, str(arguments.path["serviceName"]))
        if vps is None:
            return Refused(Reason.UNKNOWN_OBJECT)
        return handler(desk, arguments, vps)

    return handle


def list_own_vps(desk: Desk, arguments: Arguments) -> Answer:
    """The names of the account's servers."""
    return Answered([*list_vps(desk.connection, desk.account)])


def get_vps(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """The server."""
    return Answered(vps_fields(vps))


def put_vps(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """Changes the members that are given. What cannot be changed may be repeated."""
    body, current = arguments.body, vps_fields(vps)
    for member in VPS.properties:
        if member.read_only and body.get(member.name, current[member.name]) != current[member.name]:
            return bad_parameter("body", member.name, "cannot be changed")
    if not body:
        return Refused(Reason.BAD_PARAMETER, "The body names nothing to change", "body")
    name = str(body.get("displayName", vps.display_name or vps.name))
    if not 0 < len(name) <= MAX_DISPLAY_NAME_CHARACTERS or name != name.strip():
        return bad_parameter("body", "displayName", f"must have 1 to {MAX_DISPLAY_NAME_CHARACTERS} characters")
    settings = replace(
        vps.settings,
        keymap=_text_or(body.get("keymap"), vps.settings.keymap),
        netboot_mode=str(body.get("netbootMode", vps.settings.netboot_mode)),
        sla_monitoring=body.get("slaMonitoring", vps.settings.sla_monitoring) is True,
    )
    set_vps(desk.connection, replace(vps, display_name=name, settings=settings))
    return Answered()


def list_images(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """Ids of what can be installed."""
    return Answered([*IMAGES])


def get_image(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """Something that can be installed."""
    image_id = str(arguments.path["id"])
    if image_id not in IMAGES:
        return Refused(Reason.UNKNOWN_OBJECT, "This image does not exist")
    return Answered(image_fields(image_id))


def get_current_image(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """What is installed."""
    return Answered(image_fields(vps.image_id))


def list_addresses(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """An address for documentation (RFC 5737): it belongs to nobody, and nothing answers there."""
    number = uuid.uuid5(uuid.NAMESPACE_DNS, vps.name).int % 254 + 1
    return Answered([f"203.0.113.{number}"])


def asking_for(action: Action) -> VpsHandler:
    """A handler that starts `action`."""

    def handle(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
        return _start(desk, vps, action, {})

    return handle


def rebuild_vps(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """Installs another image; what was on the server would be gone."""
    body = arguments.body
    image_id = str(body["imageId"])
    if image_id not in IMAGES:
        return bad_parameter("body", "imageId", "is not an image for this server")
    if "publicSshKey" in body and not is_public_key(str(body["publicSshKey"])):
        return bad_parameter("body", "publicSshKey", "must be one public key as in authorized_keys")
    if "sshKey" in body:
        return bad_parameter("body", "sshKey", "is not a key of the account: give publicSshKey")
    return _start(desk, vps, REBUILD, {"image_id": image_id})


def list_vps_tasks(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """Ids of the server's tasks, oldest first, narrowed by state and kind."""
    state, kind = arguments.query.get("state"), arguments.query.get("type")
    tasks = list_tasks(desk.connection, PRODUCT, vps.name)
    return Answered([task.id for task in tasks if state in (None, task.state) and kind in (None, task.function)])


def get_vps_task(desk: Desk, arguments: Arguments, vps: Vps) -> Answer:
    """The task as it is now."""
    task = find_task(desk.connection, PRODUCT, vps.name, int(arguments.path["id"]))
    return Refused(Reason.UNKNOWN_OBJECT, "This task does not exist") if task is None else Answered(task_fields(task))


def work_of(action: Action) -> Work:
    """What `action` does when its task ends, and how the server is left when it fails."""

    def finish(desk: Desk, task: Task) -> None:
        vps, payload = find_vps(desk.connection, task.account, task.subject), task.payload
        if vps is None or not isinstance(payload, dict):
            raise TaskFault("This service does not exist")
        image_id = str(payload.get("image_id", vps.image_id))
        set_vps(desk.connection, replace(vps, state=action.finally_, image_id=image_id))

    def give_up(desk: Desk, task: Task) -> None:
        vps = find_vps(desk.connection, task.account, task.subject)
        if vps is not None and isinstance(task.payload, dict):
            set_vps(desk.connection, replace(vps, state=str(task.payload["before"])))

    return Work(finish, give_up)


def _start(desk: Desk, vps: Vps, action: Action, payload: dict[str, JsonValue]) -> Answer:
    busy = any(
        task.state in (TaskState.TODO, TaskState.DOING) for task in list_tasks(desk.connection, PRODUCT, vps.name)
    )
    if busy or vps.state not in action.allowed:
        return Refused(Reason.CONFLICT, f"This is not possible while the server is {vps.state}")
    order = Order(PRODUCT, vps.name, action.function, {**payload, "before": vps.state}, action.seconds)
    task = start_task(desk, order)
    set_vps(desk.connection, replace(vps, state=action.meanwhile))
    return Answered(task_fields(task))


def _text_or(value: JsonValue, otherwise: str | None) -> str | None:
    return value if isinstance(value, str) else otherwise
