"""The section `/vps`: which calls there are, what they are called, what they take."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource, Section
from mandat.sandbox.tasks.life import Performers
from mandat.sandbox.vps.models import IMAGE, TASK, TASK_STATE, TASK_TYPE, VPS_MODELS
from mandat.sandbox.vps.models import VPS as VPS_MODEL
from mandat.sandbox.vps.vps_api import (
    PRODUCT,
    REBOOT,
    REBUILD,
    START,
    STOP,
    Action,
    asking_for,
    get_current_image,
    get_image,
    get_vps,
    get_vps_task,
    list_addresses,
    list_images,
    list_own_vps,
    list_vps_tasks,
    of_vps,
    put_vps,
    rebuild_vps,
    work_of,
)

_BASE = "/vps/{serviceName}"
_NAME = Parameter("serviceName", "string", "path", "Name of the virtual server", required=True)


def _action(word: str, description: str, action: Action) -> Resource:
    return Resource(
        f"{_BASE}/{word}",
        "A virtual server",
        (
            Operation(
                "POST",
                description,
                TASK.name,
                f"vps:apiovh:{word}",
                of_vps(asking_for(action)),
                (_NAME,),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    )


_SERVERS = (
    Resource(
        "/vps",
        "Your virtual servers",
        (
            Operation("GET", "List your virtual servers", "string[]", "vps:apiovh:get", list_own_vps),
        ),
    ),
    Resource(
        _BASE,
        "A virtual server",
        (
            Operation(
                "GET",
                "Read the properties of the virtual server",
                VPS_MODEL.name,
                "vps:apiovh:get",
                of_vps(get_vps),
                (_NAME,),
            ),
            Operation(
                "PUT",
                "Change the shown name and the settings of the virtual server",
                "void",
                "vps:apiovh:edit",
                of_vps(put_vps),
                (_NAME, Parameter("", VPS_MODEL.name, "body", "Members to change", required=True)),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/ips",
        "Addresses of a virtual server",
        (
            Operation(
                "GET",
                "List the addresses of the virtual server",
                "ip[]",
                "vps:apiovh:ips/get",
                of_vps(list_addresses),
                (_NAME,),
            ),
        ),
    ),
)  # fmt: skip
_IMAGES = (
    Resource(
        f"{_BASE}/images/available",
        "Operating systems for a virtual server",
        (
            Operation(
                "GET",
                "List the operating systems that the virtual server can have",
                "string[]",
                "vps:apiovh:images/available/get",
                of_vps(list_images),
                (_NAME,),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/images/available/{{id}}",
        "An operating system for a virtual server",
        (
            Operation(
                "GET",
                "Read an operating system that the virtual server can have",
                IMAGE.name,
                "vps:apiovh:images/available/get",
                of_vps(get_image),
                (_NAME, Parameter("id", "string", "path", "Identifier of the image", required=True)),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/images/current",
        "The operating system of a virtual server",
        (
            Operation(
                "GET",
                "Read which operating system the virtual server has",
                IMAGE.name,
                "vps:apiovh:images/current/get",
                of_vps(get_current_image),
                (_NAME,),
            ),
        ),
    ),
)
_ACTIONS = (
    _action("reboot", "Restart the virtual server", REBOOT),
    _action("start", "Start the virtual server", START),
    _action("stop", "Stop the virtual server", STOP),
    Resource(
        f"{_BASE}/rebuild",
        "A virtual server",
        (
            Operation(
                "POST",
                "Install the virtual server anew, which deletes everything on it",
                TASK.name,
                "vps:apiovh:rebuild",
                of_vps(rebuild_vps),
                (
                    _NAME,
                    Parameter("imageId", "string", "body", "What is installed", required=True),
                    Parameter("publicSshKey", "string", "body", "A key that can log in then"),
                    Parameter("sshKey", "string", "body", "A key of the account; there are none here"),
                    Parameter("doNotSendPassword", "boolean", "body", "Whether no password is sent by mail"),
                    Parameter("installRTM", "boolean", "body", "Whether the provider's monitoring is installed"),
                ),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    ),
)
_TASKS = (
    Resource(
        f"{_BASE}/tasks",
        "Tasks on a virtual server",
        (
            Operation(
                "GET",
                "List the tasks on the virtual server",
                "long[]",
                "vps:apiovh:tasks/get",
                of_vps(list_vps_tasks),
                (
                    _NAME,
                    Parameter("state", TASK_STATE.name, "query", "Only tasks in this state"),
                    Parameter("type", TASK_TYPE.name, "query", "Only tasks of this kind"),
                ),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/tasks/{{id}}",
        "A task on a virtual server",
        (
            Operation(
                "GET",
                "Read a task on the virtual server",
                TASK.name,
                "vps:apiovh:tasks/get",
                of_vps(get_vps_task),
                (_NAME, Parameter("id", "long", "path", "Identifier of the task", required=True)),
            ),
        ),
    ),
)

VPS = Section(
    name="vps",
    description="Virtual private servers",
    resources=(*_SERVERS, *_IMAGES, *_ACTIONS, *_TASKS),
    models=VPS_MODELS,
)

VPS_WORK: Performers = {(PRODUCT, action.function): work_of(action) for action in (REBOOT, START, STOP, REBUILD)}
"""What tasks on servers do when they end."""
