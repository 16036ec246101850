"""The models of virtual servers, and values turned into them."""

import uuid

from mandat.protocol.messages import wire_datetime
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property
from mandat.sandbox.store.tasks import Task
from mandat.sandbox.store.vps import Vps

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "vps.sandbox.example")
IMAGES = {str(uuid.uuid5(_NAMESPACE, name)): name for name in ("Debian 12", "Ubuntu 24.04", "AlmaLinux 9")}
"""What can be installed: names by id."""

DATACENTER = "GRA"
_MEMORY_MB, _CORES, _DISK_GB = 2048, 1, 20

STATE = Model(
    "vps.VpsStateEnum",
    "States of a virtual server",
    values=(
        "backuping",
        "installing",
        "maintenance",
        "rebooting",
        "rescued",
        "running",
        "stopped",
        "stopping",
        "upgrading",
    ),
)
OFFER = Model("vps.VpsOfferEnum", "Kinds of virtual server", values=("cloud", "cloudram", "classic", "ssd"))
NETBOOT = Model("vps.VpsNetbootEnum", "What a virtual server starts from", values=("local", "rescue"))
KEYMAP = Model("vps.VpsKeymapEnum", "Keyboards of the console", values=("fr", "us"))
MODEL = Model(
    "vps.Model",
    "What a virtual server is made of",
    (
        Property("name", "string", "Name of the model", read_only=True),
        Property("offer", "string", "Offer of the model", read_only=True),
        Property("version", "string", "Version of the offer", read_only=True),
        Property("vcore", "long", "Number of processors", read_only=True),
        Property("memory", "long", "Memory in MB", read_only=True),
        Property("disk", "long", "Disk in GB", read_only=True),
        Property("maximumAdditionnalIp", "long", "How many further addresses it can have", read_only=True),
        Property("availableOptions", "string[]", "Options it can have", read_only=True),
        Property("datacenter", "string[]", "Where it is offered", read_only=True),
    ),
)
VPS = Model(
    "vps.VPS",
    "A virtual server",
    (
        Property("name", "string", "Name of the server", read_only=True),
        Property("displayName", "string", "Name that is shown", nullable=True),
        Property("state", STATE.name, "State of the server", read_only=True),
        Property("offerType", OFFER.name, "Kind of the server", read_only=True),
        Property("model", MODEL.name, "What it is made of", read_only=True),
        Property("zone", "string", "Where it is", read_only=True),
        Property("cluster", "string", "On which machines", read_only=True),
        Property("vcore", "long", "Number of processors", read_only=True),
        Property("memoryLimit", "long", "Memory in MB", read_only=True),
        Property("netbootMode", NETBOOT.name, "What it starts from"),
        Property("keymap", KEYMAP.name, "Keyboard of the console", nullable=True),
        Property("slaMonitoring", "boolean", "Whether the provider watches over it"),
        Property("monitoringIpBlocks", "string[]", "Addresses that it is watched from", read_only=True),
    ),
)
IMAGE = Model(
    "vps.Image",
    "An operating system for virtual servers",
    (
        Property("id", "string", "Identifier of the image", read_only=True),
        Property("name", "string", "Name of the image", read_only=True),
    ),
)
TASK_STATE = Model(
    "vps.TaskStateEnum",
    "States of a task on a virtual server",
    values=("blocked", "cancelled", "doing", "done", "error", "paused", "todo", "waitingAck"),
)
TASK_TYPE = Model(
    "vps.TaskTypeEnum", "Kinds of task on a virtual server", values=("rebootVm", "rebuildVm", "startVm", "stopVm")
)
TASK = Model(
    "vps.Task",
    "A task on a virtual server",
    (
        Property("id", "long", "Identifier of the task", read_only=True),
        Property("type", TASK_TYPE.name, "What the task does", read_only=True),
        Property("state", TASK_STATE.name, "State of the task", read_only=True),
        Property("progress", "long", "Percent done", read_only=True),
        Property("date", "datetime", "When it was asked for", read_only=True),
    ),
)

VPS_MODELS = (VPS, STATE, OFFER, NETBOOT, KEYMAP, MODEL, IMAGE, TASK, TASK_STATE, TASK_TYPE)

_PROGRESS = {"todo": 0, "doing": 50, "done": 100}


def vps_fields(vps: Vps) -> dict[str, JsonValue]:
    """A server as the API gives it back."""
    return {
        "name": vps.name,
        "displayName": vps.display_name or vps.name,
        "state": vps.state,
        "offerType": "ssd",
        "model": {
            "name": "vps-starter-1-2-20",
            "offer": "VPS Starter",
            "version": "2019v1",
            "vcore": _CORES,
            "memory": _MEMORY_MB,
            "disk": _DISK_GB,
            "maximumAdditionnalIp": 0,
            "availableOptions": [],
            "datacenter": [DATACENTER],
        },
        "zone": f"Region OpenStack: os-{DATACENTER.lower()}1",
        "cluster": "",
        "vcore": _CORES,
        "memoryLimit": _MEMORY_MB,
        "netbootMode": vps.settings.netboot_mode,
        "keymap": vps.settings.keymap,
        "slaMonitoring": vps.settings.sla_monitoring,
        "monitoringIpBlocks": [],
    }


def task_fields(task: Task) -> dict[str, JsonValue]:
    """A task on a server as the API gives it back."""
    return {
        "id": task.id,
        "type": task.function,
        "state": task.state,
        "progress": _PROGRESS.get(task.state, 0),
        "date": wire_datetime(task.created),
    }


def image_fields(image_id: str) -> dict[str, JsonValue]:
    """An image as the API gives it back."""
    return {"id": image_id, "name": IMAGES[image_id]}
