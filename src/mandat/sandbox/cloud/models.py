"""The models of projects, regions, flavors, images and keys, and values turned into them."""

from mandat.protocol.messages import wire_datetime
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property
from mandat.sandbox.cloud.catalogue import Flavor, Image, Region
from mandat.sandbox.cloud.keys import fingerprint
from mandat.sandbox.store.cloud import Project, SshKey

PROJECT_STATUS = Model(
    "cloud.project.ProjectStatusEnum",
    "States of a project",
    values=("creating", "deleted", "deleting", "ok", "suspended"),
)
ACCESS = Model("cloud.AccessTypeEnum", "How much of a project can be used", values=("full", "restricted"))
PROJECT = Model(
    "cloud.Project",
    "A cloud project",
    (
        Property("project_id", "string", "Identifier of the project", read_only=True),
        Property("projectName", "string", "Name of the project", nullable=True, read_only=True),
        Property("description", "string", "Description of the project", nullable=True, read_only=True),
        Property("planCode", "string", "What is paid for", read_only=True),
        Property("status", PROJECT_STATUS.name, "State of the project", read_only=True),
        Property("creationDate", "datetime", "When the project was created", read_only=True),
        Property("expiration", "datetime", "When the project ends", nullable=True, read_only=True),
        Property("orderId", "long", "Order of the project", nullable=True, read_only=True),
        Property("access", ACCESS.name, "How much of it can be used", read_only=True),
        Property("unleash", "boolean", "Whether all quotas are lifted", read_only=True),
        Property("manualQuota", "boolean", "Whether quotas only grow by hand", read_only=True),
    ),
)
SERVICE_STATUS = Model("cloud.ServiceStatusEnum", "States of a region's service", values=("DOWN", "UP"))
COMPONENT = Model(
    "cloud.Component",
    "A service of a region",
    (
        Property("name", "string", "Name of the service", read_only=True),
        Property("status", SERVICE_STATUS.name, "State of the service", read_only=True),
    ),
)
REGION = Model(
    "cloud.Region",
    "A region",
    (
        Property("name", "string", "Name of the region", read_only=True),
        Property("datacenterLocation", "string", "Where it is", read_only=True),
        Property("continentCode", "string", "On which continent", read_only=True),
        Property("status", SERVICE_STATUS.name, "State of the region", read_only=True),
        Property("services", f"{COMPONENT.name}[]", "Services of the region", read_only=True),
    ),
)
CAPABILITY = Model(
    "cloud.flavor.Capability",
    "What instances of a flavor can do",
    (
        Property("name", "string", "Name of the capability", read_only=True),
        Property("enabled", "boolean", "Whether it is there", read_only=True),
    ),
)
PLAN_CODES = Model(
    "cloud.flavor.FlavorPlanCodes",
    "What is paid for a flavor",
    (
        Property("hourly", "string", "Plan by the hour", nullable=True, read_only=True),
        Property("monthly", "string", "Plan by the month", nullable=True, read_only=True),
    ),
)
FLAVOR = Model(
    "cloud.flavor.Flavor",
    "A size of instances",
    (
        Property("id", "string", "Identifier of the flavor", read_only=True),
        Property("name", "string", "Name of the flavor", read_only=True),
        Property("type", "string", "Family of the flavor", read_only=True),
        Property("region", "string", "Region of the flavor", read_only=True),
        Property("osType", "string", "Kind of operating system", read_only=True),
        Property("vcpus", "long", "Number of processors", read_only=True),
        Property("ram", "long", "Memory in MB", read_only=True),
        Property("disk", "long", "Disk in GB", read_only=True),
        Property("inboundBandwidth", "long", "Mbit/s in", nullable=True, read_only=True),
        Property("outboundBandwidth", "long", "Mbit/s out", nullable=True, read_only=True),
        Property("available", "boolean", "Whether it can be had now", read_only=True),
        Property("quota", "long", "How many more can be created", read_only=True),
        Property("capabilities", f"{CAPABILITY.name}[]", "What it can do", read_only=True),
        Property("planCodes", PLAN_CODES.name, "What is paid for it", read_only=True),
    ),
)
IMAGE = Model(
    "cloud.image.Image",
    "An operating system for instances",
    (
        Property("id", "string", "Identifier of the image", read_only=True),
        Property("name", "string", "Name of the image", read_only=True),
        Property("region", "string", "Region of the image", read_only=True),
        Property("visibility", "string", "Who can see it", read_only=True),
        Property("type", "string", "Kind of operating system", read_only=True),
        Property("flavorType", "string", "Family of flavors it needs", nullable=True, read_only=True),
        Property("minDisk", "long", "Smallest disk in GB", read_only=True),
        Property("minRam", "long", "Smallest memory in MB", read_only=True),
        Property("size", "double", "Size in GB", read_only=True),
        Property("creationDate", "datetime", "When it was made", read_only=True),
        Property("status", "string", "State of the image", read_only=True),
        Property("user", "string", "Who can log in", read_only=True),
        Property("tags", "string[]", "Tags", nullable=True, read_only=True),
        Property("planCode", "string", "What is paid for it", nullable=True, read_only=True),
    ),
)
SSH_KEY = Model(
    "cloud.sshkey.SshKey",
    "A public key",
    (
        Property("id", "string", "Identifier of the key", read_only=True),
        Property("name", "string", "Name of the key", read_only=True),
        Property("publicKey", "string", "The key", read_only=True),
        Property("regions", "string[]", "Regions it can be used in", read_only=True),
    ),
)
SSH_KEY_DETAIL = Model(
    "cloud.sshkey.SshKeyDetail",
    "A public key with its fingerprint",
    (*SSH_KEY.properties, Property("fingerPrint", "string", "MD5 of the key", read_only=True)),
)
VOLUME = Model(
    "cloud.volume.Volume",
    "A disk of its own",
    (
        Property("id", "string", "Identifier of the volume", read_only=True),
        Property("name", "string", "Name of the volume", read_only=True),
        Property("region", "string", "Region of the volume", read_only=True),
        Property("size", "long", "Size in GB", read_only=True),
        Property("status", "string", "State of the volume", read_only=True),
    ),
)

PROJECT_MODELS = (
    PROJECT, PROJECT_STATUS, ACCESS, REGION, COMPONENT, SERVICE_STATUS, FLAVOR, CAPABILITY, PLAN_CODES, IMAGE, SSH_KEY,
    SSH_KEY_DETAIL, VOLUME,
)  # fmt: skip


def project_fields(project: Project) -> dict[str, JsonValue]:
    """A project as the API gives it back."""
    return {
        "project_id": project.id,
        "projectName": project.description,
        "description": project.description,
        "planCode": "project.2018",
        "status": "ok",
        "creationDate": wire_datetime(project.created),
        "expiration": None,
        "orderId": None,
        "access": "full",
        "unleash": False,
        "manualQuota": False,
    }


def region_fields(region: Region) -> dict[str, JsonValue]:
    """A region as the API gives it back."""
    return {
        "name": region.name,
        "datacenterLocation": region.place,
        "continentCode": region.continent,
        "status": "UP",
        "services": [{"name": "instance", "status": "UP"}],
    }


def flavor_fields(flavor: Flavor) -> dict[str, JsonValue]:
    """A flavor as the API gives it back."""
    return {
        "id": flavor.id,
        "name": flavor.name,
        "type": flavor.kind,
        "region": flavor.region,
        "osType": "linux",
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "inboundBandwidth": flavor.bandwidth,
        "outboundBandwidth": flavor.bandwidth,
        "available": True,
        "quota": 100,
        "capabilities": [{"name": name, "enabled": False} for name in ("resize", "snapshot", "volume", "failoverip")],
        "planCodes": {"hourly": f"{flavor.name}.consumption", "monthly": f"{flavor.name}.monthly.postpaid"},
    }


def image_fields(image: Image) -> dict[str, JsonValue]:
    """An image as the API gives it back."""
    return {
        "id": image.id,
        "name": image.name,
        "region": image.region,
        "visibility": "public",
        "type": "linux",
        "flavorType": None,
        "minDisk": image.min_disk,
        "minRam": 0,
        "size": image.size,
        "creationDate": wire_datetime(image.created),
        "status": "active",
        "user": image.user,
        "tags": [],
        "planCode": None,
    }


def key_fields(key: SshKey) -> dict[str, JsonValue]:
    """A public key as lists give it back."""
    return {"id": key.id, "name": key.name, "publicKey": key.public_key, "regions": [*key.regions]}


def key_detail_fields(key: SshKey) -> dict[str, JsonValue]:
    """A public key with its fingerprint."""
    return {**key_fields(key), "fingerPrint": fingerprint(key.public_key)}
