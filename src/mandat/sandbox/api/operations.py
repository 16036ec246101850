"""The one table of what the sandbox can do, put together from its products. Routing, checking, description all read it.

Descriptions are sentences for customers: the consent page builds its list of rights from them, and puts the name of
the zone behind "the zone" or "the DNS zone" when a right is limited to one, and likewise for projects and servers.
"""

from mandat.sandbox.api.account_api import ME
from mandat.sandbox.api.operation import Operation, Section
from mandat.sandbox.cloud.section import CLOUD
from mandat.sandbox.domain.section import DOMAIN, DOMAIN_WORK
from mandat.sandbox.tasks.life import Performers
from mandat.sandbox.vps.section import VPS, VPS_WORK

SECTIONS: tuple[Section, ...] = (ME, DOMAIN, CLOUD, VPS)

OPERATIONS: dict[str, Operation] = {
    f"{operation.method} {resource.path}": operation
    for section in SECTIONS
    for resource in section.resources
    for operation in resource.operations
}
"""Every operation by its name, which is method and path, such as `GET /domain/zone/{zoneName}`."""

WORK: Performers = {**DOMAIN_WORK, **VPS_WORK}
"""What tasks do when they end."""
