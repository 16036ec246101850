"""The calls of `/cloud/project` on instances and operations: names, arguments, handlers."""

from mandat.sandbox.api.operation import Operation, Parameter, Resource
from mandat.sandbox.cloud.instance_input import (
    AUTO_BACKUP,
    BILLING_PERIOD,
    BOOT_FROM,
    FLAVOR_REFERENCE,
    GROUP,
    KEY_CREATE,
    KEY_NAME,
    NETWORK,
    NETWORK_PARAMS,
)
from mandat.sandbox.cloud.instance_models import INSTANCE, INSTANCE_DETAIL, OPERATION, REGION_INSTANCE
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
from mandat.sandbox.cloud.project_table import BASE, IN_REGION, PROJECT_ID, REGION_NAME
from mandat.sandbox.cloud.projects_api import of_project

_INSTANCE_ID = Parameter("instanceId", "string", "path", "Identifier of the instance", required=True)
_OPERATION_ID = Parameter("operationId", "string", "path", "Identifier of the operation", required=True)
_USER_DATA = Parameter("userData", "text", "body", "A #cloud-config whose files become the instance's web site")
_NAME = Parameter("name", "string", "body", "Name of the instance", required=True)

INSTANCE_RESOURCES = (
    Resource(
        f"{BASE}/instance",
        "Instances of a project",
        (
            Operation(
                "GET",
                "List the instances of the cloud project",
                f"{INSTANCE.name}[]",
                "publicCloudProject:apiovh:instance/get",
                of_project(list_project_instances),
                (PROJECT_ID, IN_REGION),
            ),
            Operation(
                "POST",
                "Create an instance in the cloud project",
                INSTANCE_DETAIL.name,
                "publicCloudProject:apiovh:instance/create",
                of_project(create_instance),
                (
                    PROJECT_ID,
                    _NAME,
                    Parameter("flavorId", "string", "body", "Its size: a flavor of the region", required=True),
                    Parameter("region", "string", "body", "Its region", required=True),
                    Parameter("imageId", "string", "body", "Its operating system: an image of the region"),
                    Parameter("sshKeyId", "string", "body", "Its SSH key: one of the project"),
                    _USER_DATA,
                    Parameter("monthlyBilling", "boolean", "body", "Whether it is paid by the month"),
                    Parameter("networks", f"{NETWORK_PARAMS.name}[]", "body", "Not offered by the sandbox"),
                    Parameter("groupId", "string", "body", "Not offered by the sandbox"),
                    Parameter("volumeId", "string", "body", "Not offered by the sandbox"),
                    Parameter("availabilityZone", "string", "body", "Not offered by the sandbox"),
                    Parameter("autobackup", AUTO_BACKUP.name, "body", "Not offered by the sandbox"),
                ),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    ),
    Resource(
        f"{BASE}/instance/{{instanceId}}",
        "An instance of a project",
        (
            Operation(
                "GET",
                "Read an instance of the cloud project",
                INSTANCE_DETAIL.name,
                "publicCloudProject:apiovh:instance/get",
                of_project(get_instance),
                (PROJECT_ID, _INSTANCE_ID),
            ),
            Operation(
                "DELETE",
                "Delete an instance of the cloud project",
                "void",
                "publicCloudProject:apiovh:instance/delete",
                of_project(remove_instance),
                (PROJECT_ID, _INSTANCE_ID),
            ),
        ),
    ),
    Resource(
        f"{BASE}/region/{{regionName}}/instance",
        "Instances of a project in a region",
        (
            Operation(
                "GET",
                "List the instances of the cloud project in a region",
                f"{REGION_INSTANCE.name}[]",
                "publicCloudProject:apiovh:region/instance/get",
                of_project(list_region_instances),
                (PROJECT_ID, REGION_NAME),
            ),
            Operation(
                "POST",
                "Create instances in a region of the cloud project",
                OPERATION.name,
                "publicCloudProject:apiovh:region/instance/create",
                of_project(create_in_region),
                (
                    PROJECT_ID,
                    REGION_NAME,
                    _NAME,
                    Parameter("flavor", FLAVOR_REFERENCE.name, "body", "Its size", required=True),
                    Parameter("bootFrom", BOOT_FROM.name, "body", "What it starts from"),
                    Parameter("network", NETWORK.name, "body", "Its networks", required=True),
                    Parameter("billingPeriod", BILLING_PERIOD.name, "body", "How it is paid", required=True),
                    Parameter("bulk", "long", "body", "How many alike are created; 0 reads as 1"),
                    Parameter("sshKey", KEY_NAME.name, "body", "Its SSH key"),
                    Parameter("sshKeyCreate", KEY_CREATE.name, "body", "An SSH key to create for it"),
                    _USER_DATA,
                    Parameter("group", GROUP.name, "body", "Not offered by the sandbox"),
                    Parameter("availabilityZone", "string", "body", "Not offered by the sandbox"),
                    Parameter("autobackup", AUTO_BACKUP.name, "body", "Not offered by the sandbox"),
                ),
                honours_keys=True,
                starts_work=True,
            ),
        ),
    ),
    Resource(
        f"{BASE}/region/{{regionName}}/instance/{{instanceId}}",
        "An instance of a project in a region",
        (
            Operation(
                "GET",
                "Read an instance of the cloud project in a region",
                REGION_INSTANCE.name,
                "publicCloudProject:apiovh:region/instance/get",
                of_project(get_region_instance),
                (PROJECT_ID, REGION_NAME, _INSTANCE_ID),
            ),
            Operation(
                "DELETE",
                "Delete an instance of the cloud project in a region",
                "void",
                "publicCloudProject:apiovh:region/instance/delete",
                of_project(remove_instance),
                (PROJECT_ID, REGION_NAME, _INSTANCE_ID),
            ),
        ),
    ),
    Resource(
        f"{BASE}/operation",
        "Operations of a project",
        (
            Operation(
                "GET",
                "List what was started in the cloud project",
                f"{OPERATION.name}[]",
                "publicCloudProject:apiovh:operation/get",
                of_project(list_project_operations),
                (PROJECT_ID,),
            ),
        ),
    ),
    Resource(
        f"{BASE}/operation/{{operationId}}",
        "An operation of a project",
        (
            Operation(
                "GET",
                "Read how far something is that was started in the cloud project",
                OPERATION.name,
                "publicCloudProject:apiovh:operation/get",
                of_project(get_operation),
                (PROJECT_ID, _OPERATION_ID),
            ),
        ),
    ),
)
