"""The section `/cloud`: which calls there are, what they are called, what they take."""

from mandat.sandbox.api.operation import Model, Operation, Parameter, Property, Resource, Section
from mandat.sandbox.cloud.instance_models import (
    INSTANCE,
    INSTANCE_DETAIL,
    INSTANCE_MODELS,
    OPERATION,
    REGION_INSTANCE,
)
from mandat.sandbox.cloud.instances_api import (
    create_in_region,
    create_instance,
    get_instance,
    get_operation,
    get_region_instance,
    list_project_instances,
    list_project_operations,
    list_region_instances,
    remove_instance,
)
from mandat.sandbox.cloud.models import (
    FLAVOR,
    IMAGE,
    PROJECT,
    PROJECT_MODELS,
    REGION,
    SSH_KEY,
    SSH_KEY_DETAIL,
    VOLUME,
)
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

_BASE = "/cloud/project/{serviceName}"
_PROJECT_ID = Parameter("serviceName", "string", "path", "Identifier of the project", required=True)
_REGION_NAME = Parameter("regionName", "string", "path", "Name of the region", required=True)
_FLAVOR_ID = Parameter("flavorId", "string", "path", "Identifier of the flavor", required=True)
_IMAGE_ID = Parameter("imageId", "string", "path", "Identifier of the image", required=True)
_KEY_ID = Parameter("keyId", "string", "path", "Identifier of the key", required=True)
_INSTANCE_ID = Parameter("instanceId", "string", "path", "Identifier of the instance", required=True)
_OPERATION_ID = Parameter("operationId", "string", "path", "Identifier of the operation", required=True)
_IN_REGION = Parameter("region", "string", "query", "Only those of this region")

_NETWORK_PARAMS = Model(
    "cloud.instance.NetworkParams",
    "A private network for an instance; not offered by the sandbox",
    (
        Property("networkId", "string", "Identifier of the network", required=True),
        Property("ip", "string", "Address in it"),
    ),
)
_AUTO_BACKUP = Model(
    "cloud.instance.AutoBackup",
    "Backups of an instance; not offered by the sandbox",
    (
        Property("cron", "string", "When", required=True),
        Property("rotation", "long", "How many are kept", required=True),
    ),
)
_BILLING_PERIOD = Model(
    "cloud.instance.BillingPeriodEnum", "Periods in which an instance is paid", values=("hourly", "monthly")
)
_BOOT_FROM = Model(
    "cloud.instance.BootFrom",
    "What an instance starts from",
    (
        Property("imageId", "string", "An image of the region"),
        Property("volumeId", "string", "A volume; not offered by the sandbox"),
    ),
)
_FLAVOR_REFERENCE = Model(
    "cloud.instance.FlavorId",
    "The size of an instance",
    (Property("id", "string", "A flavor of the region", required=True),),
)
_GROUP = Model(
    "cloud.instance.GroupId",
    "A group of instances; not offered by the sandbox",
    (Property("id", "string", "Identifier of the group", required=True),),
)
_PRIVATE_NETWORK = Model("cloud.instance.PrivateNetwork", "A private network; not offered by the sandbox")
_NETWORK = Model(
    "cloud.instance.Network",
    "Networks of an instance",
    (
        Property("public", "boolean", "Whether it has a public address", required=True),
        Property("private", _PRIVATE_NETWORK.name, "A private network; not offered by the sandbox"),
    ),
)
_KEY_NAME = Model(
    "cloud.instance.SshKeyName", "A key of the project", (Property("name", "string", "Its name", required=True),)
)
_KEY_CREATE = Model(
    "cloud.instance.SshKeyCreate",
    "A key that is created along",
    (
        Property("name", "string", "Name of the key", required=True),
        Property("publicKey", "string", "The key, as in authorized_keys", required=True),
    ),
)
_INPUT_MODELS = (
    _NETWORK_PARAMS, _AUTO_BACKUP, _BILLING_PERIOD, _BOOT_FROM, _FLAVOR_REFERENCE, _GROUP, _PRIVATE_NETWORK, _NETWORK,
    _KEY_NAME, _KEY_CREATE,
)  # fmt: skip

_USER_DATA = Parameter("userData", "text", "body", "A #cloud-config whose files become the instance's web site")
_NAME = Parameter("name", "string", "body", "Name of the instance", required=True)

_PROJECTS = (
    Resource(
        "/cloud/project",
        "Your Public Cloud projects",
        (
            Operation(
                "GET",
                "List your Public Cloud projects",
                "string[]",
                "publicCloudProject:apiovh:get",
                list_own_projects,
            ),
        ),
    ),
    Resource(
        _BASE,
        "A Public Cloud project",
        (
            Operation(
                "GET",
                "Read the properties of the Public Cloud project",
                PROJECT.name,
                "publicCloudProject:apiovh:get",
                of_project(get_project),
                (_PROJECT_ID,),
            ),
        ),
    ),
)
_OFFERS = (
    Resource(
        f"{_BASE}/region",
        "Regions of a project",
        (
            Operation(
                "GET",
                "List the regions of the Public Cloud project",
                "string[]",
                "publicCloudProject:apiovh:region/get",
                of_project(list_regions),
                (_PROJECT_ID,),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/region/{{regionName}}",
        "A region of a project",
        (
            Operation(
                "GET",
                "Read a region of the Public Cloud project",
                REGION.name,
                "publicCloudProject:apiovh:region/get",
                of_project(get_region),
                (_PROJECT_ID, _REGION_NAME),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/flavor",
        "Sizes of instances",
        (
            Operation(
                "GET",
                "List the sizes that instances of the Public Cloud project can have",
                f"{FLAVOR.name}[]",
                "publicCloudProject:apiovh:flavor/get",
                of_project(list_flavors),
                (_PROJECT_ID, _IN_REGION),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/flavor/{{flavorId}}",
        "A size of instances",
        (
            Operation(
                "GET",
                "Read a size that instances of the Public Cloud project can have",
                FLAVOR.name,
                "publicCloudProject:apiovh:flavor/get",
                of_project(get_flavor),
                (_PROJECT_ID, _FLAVOR_ID),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/image",
        "Operating systems for instances",
        (
            Operation(
                "GET",
                "List the operating systems that instances of the Public Cloud project can have",
                f"{IMAGE.name}[]",
                "publicCloudProject:apiovh:image/get",
                of_project(list_images),
                (
                    _PROJECT_ID,
                    _IN_REGION,
                    Parameter("osType", "string", "query", "Only of this kind, such as linux"),
                    Parameter("flavorType", "string", "query", "Only for this family of flavors: all fit all"),
                    Parameter("flavorId", "string", "query", "Only for this flavor: all fit all"),
                ),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/image/{{imageId}}",
        "An operating system for instances",
        (
            Operation(
                "GET",
                "Read an operating system that instances of the Public Cloud project can have",
                IMAGE.name,
                "publicCloudProject:apiovh:image/get",
                of_project(get_image),
                (_PROJECT_ID, _IMAGE_ID),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/volume",
        "Volumes of a project",
        (
            Operation(
                "GET",
                "List the volumes of the Public Cloud project",
                f"{VOLUME.name}[]",
                "publicCloudProject:apiovh:volume/get",
                of_project(list_volumes),
                (_PROJECT_ID, _IN_REGION),
            ),
        ),
    ),
)
_KEYS = (
    Resource(
        f"{_BASE}/sshkey",
        "SSH keys of a project",
        (
            Operation(
                "GET",
                "List the SSH keys of the Public Cloud project",
                f"{SSH_KEY.name}[]",
                "publicCloudProject:apiovh:sshkey/get",
                of_project(list_project_keys),
                (_PROJECT_ID, _IN_REGION),
            ),
            Operation(
                "POST",
                "Create an SSH key in the Public Cloud project",
                SSH_KEY_DETAIL.name,
                "publicCloudProject:apiovh:sshkey/create",
                of_project(create_key),
                (
                    _PROJECT_ID,
                    Parameter("name", "string", "body", "Name of the key", required=True),
                    Parameter("publicKey", "string", "body", "The key, as in authorized_keys", required=True),
                    Parameter("region", "string", "body", "Only for this region"),
                ),
                honours_keys=True,
            ),
        ),
    ),
    Resource(
        f"{_BASE}/sshkey/{{keyId}}",
        "An SSH key of a project",
        (
            Operation(
                "GET",
                "Read an SSH key of the Public Cloud project",
                SSH_KEY_DETAIL.name,
                "publicCloudProject:apiovh:sshkey/get",
                of_project(get_key),
                (_PROJECT_ID, _KEY_ID),
            ),
            Operation(
                "DELETE",
                "Delete an SSH key of the Public Cloud project",
                "void",
                "publicCloudProject:apiovh:sshkey/delete",
                of_project(remove_key),
                (_PROJECT_ID, _KEY_ID, Parameter("keyId", "string", "query", "The key once more")),
            ),
        ),
    ),
)
_INSTANCES = (
    Resource(
        f"{_BASE}/instance",
        "Instances of a project",
        (
            Operation(
                "GET",
                "List the instances of the Public Cloud project",
                f"{INSTANCE.name}[]",
                "publicCloudProject:apiovh:instance/get",
                of_project(list_project_instances),
                (_PROJECT_ID, _IN_REGION),
            ),
            Operation(
                "POST",
                "Create an instance in the Public Cloud project",
                INSTANCE_DETAIL.name,
                "publicCloudProject:apiovh:instance/create",
                of_project(create_instance),
                (
                    _PROJECT_ID,
                    _NAME,
                    Parameter("flavorId", "string", "body", "Its size: a flavor of the region", required=True),
                    Parameter("region", "string", "body", "Its region", required=True),
                    Parameter("imageId", "string", "body", "Its operating system: an image of the region"),
                    Parameter("sshKeyId", "string", "body", "Its SSH key: one of the project"),
                    _USER_DATA,
                    Parameter("monthlyBilling", "boolean", "body", "Whether it is paid by the month"),
                    Parameter("networks", f"{_NETWORK_PARAMS.name}[]", "body", "Not offered by the sandbox"),
                    Parameter("groupId", "string", "body", "Not offered by the sandbox"),
                    Parameter("volumeId", "string", "body", "Not offered by the sandbox"),
                    Parameter("availabilityZone", "string", "body", "Not offered by the sandbox"),
                    Parameter("autobackup", _AUTO_BACKUP.name, "body", "Not offered by the sandbox"),
                ),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    ),
    Resource(
        f"{_BASE}/instance/{{instanceId}}",
        "An instance of a project",
        (
            Operation(
                "GET",
                "Read an instance of the Public Cloud project",
                INSTANCE_DETAIL.name,
                "publicCloudProject:apiovh:instance/get",
                of_project(get_instance),
                (_PROJECT_ID, _INSTANCE_ID),
            ),
            Operation(
                "DELETE",
                "Delete an instance of the Public Cloud project",
                "void",
                "publicCloudProject:apiovh:instance/delete",
                of_project(remove_instance),
                (_PROJECT_ID, _INSTANCE_ID),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/region/{{regionName}}/instance",
        "Instances of a project in a region",
        (
            Operation(
                "GET",
                "List the instances of the Public Cloud project in a region",
                f"{REGION_INSTANCE.name}[]",
                "publicCloudProject:apiovh:region/instance/get",
                of_project(list_region_instances),
                (_PROJECT_ID, _REGION_NAME),
            ),
            Operation(
                "POST",
                "Create instances in a region of the Public Cloud project",
                OPERATION.name,
                "publicCloudProject:apiovh:region/instance/create",
                of_project(create_in_region),
                (
                    _PROJECT_ID,
                    _REGION_NAME,
                    _NAME,
                    Parameter("flavor", _FLAVOR_REFERENCE.name, "body", "Its size", required=True),
                    Parameter("bootFrom", _BOOT_FROM.name, "body", "What it starts from"),
                    Parameter("network", _NETWORK.name, "body", "Its networks", required=True),
                    Parameter("billingPeriod", _BILLING_PERIOD.name, "body", "How it is paid", required=True),
                    Parameter("bulk", "long", "body", "How many alike are created; 0 reads as 1"),
                    Parameter("sshKey", _KEY_NAME.name, "body", "Its SSH key"),
                    Parameter("sshKeyCreate", _KEY_CREATE.name, "body", "An SSH key to create for it"),
                    _USER_DATA,
                    Parameter("group", _GROUP.name, "body", "Not offered by the sandbox"),
                    Parameter("availabilityZone", "string", "body", "Not offered by the sandbox"),
                    Parameter("autobackup", _AUTO_BACKUP.name, "body", "Not offered by the sandbox"),
                ),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    ),
    Resource(
        f"{_BASE}/region/{{regionName}}/instance/{{instanceId}}",
        "An instance of a project in a region",
        (
            Operation(
                "GET",
                "Read an instance of the Public Cloud project in a region",
                REGION_INSTANCE.name,
                "publicCloudProject:apiovh:region/instance/get",
                of_project(get_region_instance),
                (_PROJECT_ID, _REGION_NAME, _INSTANCE_ID),
            ),
            Operation(
                "DELETE",
                "Delete an instance of the Public Cloud project in a region",
                "void",
                "publicCloudProject:apiovh:region/instance/delete",
                of_project(remove_instance),
                (_PROJECT_ID, _REGION_NAME, _INSTANCE_ID),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/operation",
        "Operations of a project",
        (
            Operation(
                "GET",
                "List what was started in the Public Cloud project",
                f"{OPERATION.name}[]",
                "publicCloudProject:apiovh:operation/get",
                of_project(list_project_operations),
                (_PROJECT_ID,),
            ),
        ),
    ),
    Resource(
        f"{_BASE}/operation/{{operationId}}",
        "An operation of a project",
        (
            Operation(
                "GET",
                "Read how far something is that was started in the Public Cloud project",
                OPERATION.name,
                "publicCloudProject:apiovh:operation/get",
                of_project(get_operation),
                (_PROJECT_ID, _OPERATION_ID),
            ),
        ),
    ),
)

CLOUD = Section(
    name="cloud",
    description="Public Cloud: projects, instances, keys",
    resources=(*_PROJECTS, *_OFFERS, *_KEYS, *_INSTANCES),
    models=(*PROJECT_MODELS, *INSTANCE_MODELS, *_INPUT_MODELS),
)
