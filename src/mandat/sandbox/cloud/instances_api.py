"""Handlers of instances and operations: two ways to create, list, look, delete.

Created is a row that says BUILD; the keeper of instances makes it run (`mandat.sandbox.instances.keeper`).
"""

from dataclasses import dataclass, replace

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Refused
from mandat.sandbox.cloud.catalogue import find_flavor, find_image, find_region
from mandat.sandbox.cloud.instance_models import (
    CREATE_ACTION,
    instance_detail_fields,
    instance_fields,
    operation_fields,
    region_instance_fields,
)
from mandat.sandbox.cloud.projects_api import draw_uuid, find_key, keep_key, no_such
from mandat.sandbox.cloud.user_data import UserDataFault, parse_user_data
from mandat.sandbox.store.cloud import (
    Instance,
    Project,
    SshKey,
    add_instance,
    count_instances,
    delete_instance,
    find_instance,
    list_instances,
    list_keys,
)
from mandat.sandbox.store.operations import (
    CloudOperation,
    OperationPart,
    add_operation,
    end_part,
    find_operation,
    list_operation_ids,
    list_operations_on,
)

MAX_INSTANCES = 100  # for each project
MAX_INSTANCES_OF_ALL = 200  # each takes about 8 MB
MAX_NAME_CHARACTERS = 100
MAX_BULK = 20

_NOT_OFFERED = "is not offered by the sandbox, leave it out"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a creating call wants, with the names under which its members were given."""

    name: str
    region: str
    flavor_id: str
    image_id: str | None
    user_data: str | None
    monthly: bool
    flavor_member: str = "flavorId"
    image_member: str = "imageId"


def create_instance(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Creates one instance and answers with all of it."""
    body = arguments.body
    refused = _refuse_unoffered(body, "groupId", "volumeId", "availabilityZone", "autobackup")
    if refused is not None:
        return refused
    if body.get("networks"):
        return bad_parameter("body", "networks", _NOT_OFFERED)
    wanted = Wanted(
        name=str(body["name"]),
        region=str(body["region"]),
        flavor_id=str(body["flavorId"]),
        image_id=_text_or_none(body.get("imageId")),
        user_data=_text_or_none(body.get("userData")),
        monthly=body.get("monthlyBilling") is True,
    )
    key: SshKey | Refused | None = None
    if "sshKeyId" in body:
        key = find_key(desk, project, str(body["sshKeyId"])) or bad_parameter("body", "sshKeyId", "is not a key")
    if isinstance(key, Refused):
        return key
    instances = _create(desk, project, wanted, key)
    return instances if isinstance(instances, Refused) else Answered(_detail(desk, instances[0]))


def create_in_region(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Creates one instance or several alike and answers with the operation that does it."""
    body = arguments.body
    refused = _refuse_unoffered(body, "group", "availabilityZone", "autobackup")
    boot, network = _members(body.get("bootFrom")), _members(body["network"])
    if refused is not None:
        return refused
    if "volumeId" in boot:
        return bad_parameter("body", "bootFrom.volumeId", _NOT_OFFERED)
    if "private" in network:
        return bad_parameter("body", "network.private", _NOT_OFFERED)
    if network.get("public") is not True:
        return bad_parameter("body", "network.public", "must be true: an instance here has a public address")
    count = _whole(body.get("bulk", 1)) or 1  # terraform sends 0 for none
    if not 0 < count <= MAX_BULK:
        return bad_parameter("body", "bulk", f"must be from 1 to {MAX_BULK}")
    wanted = Wanted(
        name=str(body["name"]),
        region=str(arguments.path["regionName"]),
        flavor_id=str(_members(body["flavor"])["id"]),
        image_id=_text_or_none(boot.get("imageId")),
        user_data=_text_or_none(body.get("userData")),
        monthly=body["billingPeriod"] == "monthly",
        flavor_member="flavor.id",
        image_member="bootFrom.imageId",
    )
    if find_region(wanted.region) is None:
        return no_such("region")
    key = _key_of(desk, project, body, wanted.region)
    if isinstance(key, Refused):
        return key
    instances = _create(desk, project, wanted, key, count=count)
    if isinstance(instances, Refused):
        return instances
    parts = tuple(OperationPart(draw_uuid(desk), instance.id) for instance in instances)
    operation = CloudOperation(draw_uuid(desk), project.id, CREATE_ACTION, wanted.region, desk.now, parts)
    add_operation(desk.connection, operation)
    return Answered(operation_fields(operation))


def list_project_instances(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The project's instances, oldest first, perhaps of one region."""
    region = arguments.query.get("region")
    return Answered(
        [
            instance_fields(
                instance,
                http_port=desk.hosting.http_port,
                operations=list_operations_on(desk.connection, instance.id),
            )
            for instance in list_instances(desk.connection, project.id)
            if region in (None, instance.region)
        ]
    )


def get_instance(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The instance with flavor, image and key in it."""
    instance = _find(desk, arguments, project)
    return no_such("instance") if instance is None else Answered(_detail(desk, instance))


def remove_instance(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Ends the instance: when this is answered, its address answers no more."""
    instance = _find(desk, arguments, project)
    if instance is None:
        return no_such("instance")
    end_part(desk.connection, instance.id, status="in-error", now=desk.now)
    delete_instance(desk.connection, instance.id)
    desk.effects.ended_instances.append(instance.id)
    return Answered()


def list_region_instances(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The project's instances in the region of the path, oldest first."""
    region = find_region(str(arguments.path["regionName"]))
    if region is None:
        return no_such("region")
    instances = list_instances(desk.connection, project.id)
    return Answered([region_instance_fields(each) for each in instances if each.region == region.name])


def get_region_instance(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The instance as its region shows it."""
    instance = _find(desk, arguments, project)
    return no_such("instance") if instance is None else Answered(region_instance_fields(instance))


def list_project_operations(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """What creating calls of the second kind started, oldest first."""
    ids = list_operation_ids(desk.connection, project.id)
    found = [find_operation(desk.connection, project.id, operation_id) for operation_id in ids]
    return Answered([operation_fields(operation) for operation in found if operation is not None])


def get_operation(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """How far an operation is."""
    operation = find_operation(desk.connection, project.id, str(arguments.path["operationId"]))
    return no_such("operation") if operation is None else Answered(operation_fields(operation))


def _create(
    desk: Desk, project: Project, wanted: Wanted, key: SshKey | None, *, count: int = 1
) -> list[Instance] | Refused:
    instance = _checked(wanted, key)
    if isinstance(instance, Refused):
        return instance
    if count_instances(desk.connection, project.id) + count > MAX_INSTANCES:
        return Refused(Reason.FORBIDDEN, f"This project may have {MAX_INSTANCES} instances at most")
    if count_instances(desk.connection) + count > MAX_INSTANCES_OF_ALL:
        return Refused(Reason.FORBIDDEN, f"The sandbox runs {MAX_INSTANCES_OF_ALL} instances at most")
    obstacle = desk.hosting.obstacle()
    if obstacle is not None:  # a conflict with the state of this machine: trying again changes nothing
        return Refused(Reason.CONFLICT, obstacle)
    instances = []
    for number in range(1, count + 1):
        name = instance.name if count == 1 else f"{instance.name}-{number}"
        instances.append(
            replace(
                instance,
                id=draw_uuid(desk),
                project=project.id,
                name=name,
                created=int(desk.now),
                doomed=desk.doomed,
            )
        )
        add_instance(desk.connection, instances[-1])
    desk.effects.instances_wait = True
    return instances


def _checked(wanted: Wanted, key: SshKey | None) -> Instance | Refused:
    """The instance that is wanted, without what is drawn for it."""
    if not 0 < len(wanted.name) <= MAX_NAME_CHARACTERS or wanted.name != wanted.name.strip():
        return bad_parameter("body", "name", f"must have 1 to {MAX_NAME_CHARACTERS} characters, no blanks around them")
    if find_region(wanted.region) is None:
        return bad_parameter("body", "region", "is not a region")
    flavor = find_flavor(wanted.flavor_id)
    if flavor is None or flavor.region != wanted.region:
        return bad_parameter("body", wanted.flavor_member, f"is not a flavor of the region {wanted.region}")
    if wanted.image_id is None:
        return bad_parameter("body", wanted.image_member, "is missing")
    image = find_image(wanted.image_id)
    if image is None or image.region != wanted.region:
        return bad_parameter("body", wanted.image_member, f"is not an image of the region {wanted.region}")
    if key is not None and wanted.region not in key.regions:
        return bad_parameter("body", "sshKeyId", f"is not a key for the region {wanted.region}")
    try:
        site = {} if wanted.user_data is None else parse_user_data(wanted.user_data)
    except UserDataFault as fault:
        return bad_parameter("body", "userData", str(fault))
    return Instance(
        id="", project="", region=wanted.region, name=wanted.name, flavor_id=flavor.id, image_id=image.id,
        status="BUILD", created=0, site=site, ssh_key=key, monthly=wanted.monthly,
    )  # fmt: skip


def _key_of(desk: Desk, project: Project, body: dict[str, JsonValue], region: str) -> SshKey | Refused | None:
    """The key that a call in a region names or brings along."""
    if "sshKey" in body and "sshKeyCreate" in body:
        return bad_parameter("body", "sshKeyCreate", "must not be given together with sshKey")
    if "sshKey" in body:
        name = str(_members(body["sshKey"])["name"])
        keys = [key for key in list_keys(desk.connection, project.id) if key.name == name and region in key.regions]
        return keys[0] if keys else bad_parameter("body", "sshKey.name", f"is not a key for the region {region}")
    if "sshKeyCreate" in body:
        new = _members(body["sshKeyCreate"])
        return keep_key(desk, project, str(new["name"]), str(new["publicKey"]), (region,), within="sshKeyCreate.")
    return None


def _find(desk: Desk, arguments: Arguments, project: Project) -> Instance | None:
    instance = find_instance(desk.connection, project.id, str(arguments.path["instanceId"]))
    if instance is not None and instance.region != arguments.path.get("regionName", instance.region):
        return None
    return instance


def _detail(desk: Desk, instance: Instance) -> dict[str, JsonValue]:
    operations = list_operations_on(desk.connection, instance.id)
    return instance_detail_fields(instance, http_port=desk.hosting.http_port, operations=operations)


def _refuse_unoffered(body: dict[str, JsonValue], *names: str) -> Refused | None:
    return next((bad_parameter("body", name, _NOT_OFFERED) for name in names if name in body), None)


def _members(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _text_or_none(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: JsonValue) -> int:
    assert isinstance(value, int)
    return value
