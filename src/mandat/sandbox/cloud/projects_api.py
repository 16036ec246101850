"""Handlers of projects and of what they are offered: regions, flavors, images; and of their public keys."""

import re
import uuid
from collections.abc import Callable

from mandat.protocol.refusals import Reason
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Handler, Refused
from mandat.sandbox.cloud.catalogue import (
    FLAVORS,
    IMAGES,
    REGIONS,
    find_flavor,
    find_image,
    find_region,
    is_offered,
)
from mandat.sandbox.cloud.keys import is_public_key
from mandat.sandbox.cloud.models import (
    flavor_fields,
    image_fields,
    key_detail_fields,
    key_fields,
    project_fields,
    region_fields,
)
from mandat.sandbox.store.cloud import Project, SshKey, add_key, delete_key, find_project, list_keys, list_projects

MAX_KEYS = 100  # for each project; as many instances can be created at once
_KEY_NAME = re.compile(r"[A-Za-z0-9._@ -]{1,100}", re.ASCII)
_ID_BYTES = 16

ProjectHandler = Callable[[Desk, Arguments, Project], Answer]


def of_project(handler: ProjectHandler) -> Handler:
    """`handler` with the project of its path. Another account's is refused exactly as one that is not there."""

    def handle(desk: Desk, arguments: Arguments) -> Answer:
        project = find_project(desk.connection, desk.account, str(arguments.path["serviceName"]))
        if project is None:
            return Refused(Reason.UNKNOWN_OBJECT)
        return handler(desk, arguments, project)

    return handle


def draw_uuid(desk: Desk) -> str:
    """A new random identifier."""
    return str(uuid.UUID(bytes=desk.entropy(_ID_BYTES), version=4))


def list_own_projects(desk: Desk, arguments: Arguments) -> Answer:
    """The ids of the account's projects."""
    return Answered([*list_projects(desk.connection, desk.account)])


def get_project(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The project."""
    return Answered(project_fields(project))


def list_regions(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Names of the regions that every client knows."""
    return Answered([region.name for region in REGIONS if region.listed])


def get_region(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """A region, listed or not."""
    region = find_region(str(arguments.path["regionName"]))
    return no_such("region") if region is None else Answered(region_fields(region))


def list_flavors(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The flavors of a region or of all listed ones, the smallest first."""
    region = arguments.query.get("region")
    return Answered([flavor_fields(flavor) for flavor in FLAVORS if is_offered(flavor, region)])


def get_flavor(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """A flavor."""
    flavor = find_flavor(str(arguments.path["flavorId"]))
    return no_such("flavor") if flavor is None else Answered(flavor_fields(flavor))


def list_images(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The images of a region or of all listed ones. All are Linux and fit every flavor."""
    region, kind = arguments.query.get("region"), arguments.query.get("osType", "linux")
    images = IMAGES if kind == "linux" else ()
    return Answered([image_fields(image) for image in images if is_offered(image, region)])


def get_image(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """An image."""
    image = find_image(str(arguments.path["imageId"]))
    return no_such("image") if image is None else Answered(image_fields(image))


def list_project_keys(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """The project's keys, oldest first, perhaps only those usable in one region."""
    region = arguments.query.get("region")
    keys = list_keys(desk.connection, project.id)
    return Answered([key_fields(key) for key in keys if region is None or region in key.regions])


def create_key(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Keeps a public key, for one region or for all."""
    region = arguments.body.get("region")
    if region is not None and find_region(str(region)) is None:
        return bad_parameter("body", "region", "is not a region")
    regions = (str(region),) if region is not None else tuple(each.name for each in REGIONS)
    key = keep_key(desk, project, str(arguments.body["name"]), str(arguments.body["publicKey"]), regions)
    return key if isinstance(key, Refused) else Answered(key_detail_fields(key))


def get_key(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """A key with its fingerprint."""
    key = find_key(desk, project, str(arguments.path["keyId"]))
    return no_such("key") if key is None else Answered(key_detail_fields(key))


def remove_key(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Forgets a key; instances that were created with it keep it. libcloud repeats the id in the query."""
    key_id = str(arguments.path["keyId"])
    if arguments.query.get("keyId", key_id) != key_id:
        return bad_parameter("query", "keyId", "must be the key of the path")
    return Answered() if delete_key(desk.connection, project.id, key_id) else no_such("key")


def list_volumes(desk: Desk, arguments: Arguments, project: Project) -> Answer:
    """Volumes are not offered here, so there are none; clients that list them can go on."""
    return Answered([])


def find_key(desk: Desk, project: Project, key_id: str) -> SshKey | None:
    """The project's key of that id."""
    return next((key for key in list_keys(desk.connection, project.id) if key.id == key_id), None)


def keep_key(
    desk: Desk, project: Project, name: str, public_key: str, regions: tuple[str, ...], *, within: str = ""
) -> SshKey | Refused:
    """A new key of the project, stored; or why not. `within` is put before the names of members in refusals."""
    if not _KEY_NAME.fullmatch(name) or name != name.strip():
        return bad_parameter("body", f"{within}name", "must be 1 to 100 letters, digits, blanks or . _ @ -")
    if not is_public_key(public_key):
        return bad_parameter("body", f"{within}publicKey", "must be one public key as in authorized_keys")
    present = list_keys(desk.connection, project.id)
    if any(key.name == name for key in present):
        return Refused(Reason.CONFLICT, "This project has a key of this name already", f"{within}name")
    if len(present) >= MAX_KEYS:
        return Refused(Reason.FORBIDDEN, f"This project has {MAX_KEYS} keys already, which is the most it can have")
    key = SshKey(draw_uuid(desk), project.id, name, public_key, regions)
    add_key(desk.connection, key)
    return key


def no_such(what: str) -> Refused:
    """The refusal for something that the project does not have."""
    return Refused(Reason.UNKNOWN_OBJECT, f"This {what} does not exist")
