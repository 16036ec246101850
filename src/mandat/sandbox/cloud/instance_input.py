"""The models of what creating calls take. Some are there only to be refused by name: clients send them as null."""

from mandat.sandbox.api.operation import Model, Property

NETWORK_PARAMS = Model(
    "cloud.instance.NetworkParams",
    "A private network for an instance; not offered by the sandbox",
    (
        Property("networkId", "string", "Identifier of the network", required=True),
        Property("ip", "string", "Address in it"),
    ),
)
AUTO_BACKUP = Model(
    "cloud.instance.AutoBackup",
    "Backups of an instance; not offered by the sandbox",
    (
        Property("cron", "string", "When", required=True),
        Property("rotation", "long", "How many are kept", required=True),
    ),
)
BILLING_PERIOD = Model(
    "cloud.instance.BillingPeriodEnum", "Periods in which an instance is paid", values=("hourly", "monthly")
)
BOOT_FROM = Model(
    "cloud.instance.BootFrom",
    "What an instance starts from",
    (
        Property("imageId", "string", "An image of the region"),
        Property("volumeId", "string", "A volume; not offered by the sandbox"),
    ),
)
FLAVOR_REFERENCE = Model(
    "cloud.instance.FlavorId",
    "The size of an instance",
    (Property("id", "string", "A flavor of the region", required=True),),
)
GROUP = Model(
    "cloud.instance.GroupId",
    "A group of instances; not offered by the sandbox",
    (Property("id", "string", "Identifier of the group", required=True),),
)
PRIVATE_NETWORK = Model("cloud.instance.PrivateNetwork", "A private network; not offered by the sandbox")
NETWORK = Model(
    "cloud.instance.Network",
    "Networks of an instance",
    (
        Property("public", "boolean", "Whether it has a public address", required=True),
        Property("private", PRIVATE_NETWORK.name, "A private network; not offered by the sandbox"),
    ),
)
KEY_NAME = Model(
    "cloud.instance.SshKeyName", "A key of the project", (Property("name", "string", "Its name", required=True),)
)
KEY_CREATE = Model(
    "cloud.instance.SshKeyCreate",
    "A key that is created along",
    (
        Property("name", "string", "Name of the key", required=True),
        Property("publicKey", "string", "The key, as in authorized_keys", required=True),
    ),
)
INPUT_MODELS = (
    NETWORK_PARAMS, AUTO_BACKUP, BILLING_PERIOD, BOOT_FROM, FLAVOR_REFERENCE, GROUP, PRIVATE_NETWORK, NETWORK,
    KEY_NAME, KEY_CREATE,
)  # fmt: skip
