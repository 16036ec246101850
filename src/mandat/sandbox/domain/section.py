"""The section `/domain`: its calls, its models, and what its tasks do."""

from mandat.sandbox.api.operation import Section
from mandat.sandbox.domain.models import FIELD_TYPE, RECORD, RESOURCE_METADATA, SOA, STATUS, ZONE
from mandat.sandbox.domain.service_models import SERVICE_MODELS
from mandat.sandbox.domain.service_table import SERVICE_RESOURCES
from mandat.sandbox.domain.zone_files_api import IMPORT, PRODUCT, RESTORE, replace_zone
from mandat.sandbox.domain.zone_table import ZONE_RESOURCES
from mandat.sandbox.tasks.life import Performers, Work

DOMAIN = Section(
    name="domain",
    description="Domain names and DNS zones",
    resources=(*ZONE_RESOURCES, *SERVICE_RESOURCES),
    models=(ZONE, RESOURCE_METADATA, STATUS, SOA, RECORD, FIELD_TYPE, *SERVICE_MODELS),
)

DOMAIN_WORK: Performers = {(PRODUCT, IMPORT): Work(replace_zone), (PRODUCT, RESTORE): Work(replace_zone)}
"""What tasks on zones do when they end."""
