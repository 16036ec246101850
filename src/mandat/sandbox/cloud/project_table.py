"""The calls of `/cloud/project` on projects, what they are offered, and their keys: names, arguments, handlers."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource
from mandat.sandbox.cloud.models import FLAVOR, IMAGE, PROJECT, REGION, SSH_KEY, SSH_KEY_DETAIL, VOLUME
from mandat.sandbox.cloud.projects_api import (
    create_key,
    get_flavor,
    get_image,
    get_key,
    get_project,
    get_region,
    list_flavors,
    list_images,
    list_own_projects,
    list_project_keys,
    list_regions,
    list_volumes,
    of_project,
    remove_key,
)

BASE = "/cloud/project/{serviceName}"
PROJECT_ID = Parameter("serviceName", "string", "path", "Identifier of the project", required=True)
REGION_NAME = Parameter("regionName", "string", "path", "Name of the region", required=True)
IN_REGION = Parameter("region", "string", "query", "Only those of this region")
_FLAVOR_ID = Parameter("flavorId", "string", "path", "Identifier of the flavor", required=True)
_IMAGE_ID = Parameter("imageId", "string", "path", "Identifier of the image", required=True)
_KEY_ID = Parameter("keyId", "string", "path", "Identifier of the key", required=True)

_PROJECTS = (
    Resource(
        "/cloud/project",
        "Your cloud projects",
        (
            Operation(
                "GET",
                "List your cloud projects",
                "string[]",
                "publicCloudProject:apiovh:get",
                list_own_projects,
            ),
        ),
    ),
    Resource(
        BASE,
        "A cloud project",
        (
            Operation(
                "GET",
                "Read the properties of the cloud project",
                PROJECT.name,
                "publicCloudProject:apiovh:get",
                of_project(get_project),
                (PROJECT_ID,),
            ),
        ),
    ),
)
_OFFERS = (
    Resource(
        f"{BASE}/region",
        "Regions of a project",
        (
            Operation(
                "GET",
                "List the regions of the cloud project",
                "string[]",
                "publicCloudProject:apiovh:region/get",
                of_project(list_regions),
                (PROJECT_ID,),
            ),
        ),
    ),
    Resource(
        f"{BASE}/region/{{regionName}}",
        "A region of a project",
        (
            Operation(
                "GET",
                "Read a region of the cloud project",
                REGION.name,
                "publicCloudProject:apiovh:region/get",
                of_project(get_region),
                (PROJECT_ID, REGION_NAME),
            ),
        ),
    ),
    Resource(
        f"{BASE}/flavor",
        "Sizes of instances",
        (
            Operation(
                "GET",
                "List the sizes that instances of the cloud project can have",
                f"{FLAVOR.name}[]",
                "publicCloudProject:apiovh:flavor/get",
                of_project(list_flavors),
                (PROJECT_ID, IN_REGION),
            ),
        ),
    ),
    Resource(
        f"{BASE}/flavor/{{flavorId}}",
        "A size of instances",
        (
            Operation(
                "GET",
                "Read a size that instances of the cloud project can have",
                FLAVOR.name,
                "publicCloudProject:apiovh:flavor/get",
                of_project(get_flavor),
                (PROJECT_ID, _FLAVOR_ID),
            ),
        ),
    ),
    Resource(
        f"{BASE}/image",
        "Operating systems for instances",
        (
            Operation(
                "GET",
                "List the operating systems that instances of the cloud project can have",
                f"{IMAGE.name}[]",
                "publicCloudProject:apiovh:image/get",
                of_project(list_images),
                (
                    PROJECT_ID,
                    IN_REGION,
                    Parameter("osType", "string", "query", "Only of this kind, such as linux"),
                    Parameter("flavorType", "string", "query", "Only for this family of flavors: all fit all"),
                    Parameter("flavorId", "string", "query", "Only for this flavor: all fit all"),
                ),
            ),
        ),
    ),
    Resource(
        f"{BASE}/image/{{imageId}}",
        "An operating system for instances",
        (
            Operation(
                "GET",
                "Read an operating system that instances of the cloud project can have",
                IMAGE.name,
                "publicCloudProject:apiovh:image/get",
                of_project(get_image),
                (PROJECT_ID, _IMAGE_ID),
            ),
        ),
    ),
    Resource(
        f"{BASE}/volume",
        "Volumes of a project",
        (
            Operation(
                "GET",
                "List the volumes of the cloud project",
                f"{VOLUME.name}[]",
                "publicCloudProject:apiovh:volume/get",
                of_project(list_volumes),
                (PROJECT_ID, IN_REGION),
            ),
        ),
    ),
)
_KEYS = (
    Resource(
        f"{BASE}/sshkey",
        "SSH keys of a project",
        (
            Operation(
                "GET",
                "List the SSH keys of the cloud project",
                f"{SSH_KEY.name}[]",
                "publicCloudProject:apiovh:sshkey/get",
                of_project(list_project_keys),
                (PROJECT_ID, IN_REGION),
            ),
            Operation(
                "POST",
                "Create an SSH key in the cloud project",
                SSH_KEY_DETAIL.name,
                "publicCloudProject:apiovh:sshkey/create",
                of_project(create_key),
                (
                    PROJECT_ID,
                    Parameter("name", "string", "body", "Name of the key", required=True),
                    Parameter("publicKey", "string", "body", "The key, as in authorized_keys", required=True),
                    Parameter("region", "string", "body", "Only for this region"),
                ),
                honours_keys=True,
            ),
        ),
    ),
    Resource(
        f"{BASE}/sshkey/{{keyId}}",
        "An SSH key of a project",
        (
            Operation(
                "GET",
                "Read an SSH key of the cloud project",
                SSH_KEY_DETAIL.name,
                "publicCloudProject:apiovh:sshkey/get",
                of_project(get_key),
                (PROJECT_ID, _KEY_ID),
            ),
            Operation(
                "DELETE",
                "Delete an SSH key of the cloud project",
                "void",
                "publicCloudProject:apiovh:sshkey/delete",
                of_project(remove_key),
                (PROJECT_ID, _KEY_ID, Parameter("keyId", "string", "query", "The key once more")),
            ),
        ),
    ),
)

PROJECT_RESOURCES = (*_PROJECTS, *_OFFERS, *_KEYS)
