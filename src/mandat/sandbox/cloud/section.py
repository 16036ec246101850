"""The section `/cloud`: its calls and its models."""

from mandat.sandbox.api.operation import Section
from mandat.sandbox.cloud.instance_input import INPUT_MODELS
from mandat.sandbox.cloud.instance_models import INSTANCE_MODELS
from mandat.sandbox.cloud.instance_table import INSTANCE_RESOURCES
from mandat.sandbox.cloud.models import PROJECT_MODELS
from mandat.sandbox.cloud.project_table import PROJECT_RESOURCES

CLOUD = Section(
    name="cloud",
    description="Public Cloud: projects, instances, keys",
    resources=(*PROJECT_RESOURCES, *INSTANCE_RESOURCES),
    models=(*PROJECT_MODELS, *INSTANCE_MODELS, *INPUT_MODELS),
)
