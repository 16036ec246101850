"""What projects are offered: regions, flavors, images. Fixed, and the same for everybody.

Identifiers follow from region and name, so that they survive a new data folder. Regions that libcloud does not know
are usable but not listed: it breaks on the first unknown name in the list (wire.md 13.15).
"""

import uuid
from dataclasses import dataclass

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "catalogue.sandbox.example")


@dataclass(frozen=True, slots=True)
class Region:
    """A place where instances can be. `listed`: it is in the list of regions."""

    name: str
    place: str
    continent: str
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size of instances. Memory in MB, disk in GB, bandwidth in Mbit/s."""

    id: str
    name: str
    kind: str
    region: str
    vcpus: int
    ram: int
    disk: int
    bandwidth: int


@dataclass(frozen=True, slots=True)
class Image:
    """An operating system of instances. `size` in GB."""

    id: str
    name: str
    region: str
    user: str
    created: int
    min_disk: int = 10
    size: float = 2.0


REGIONS = (
    Region("GRA1", "Gravelines", "EU"),
    Region("SBG3", "Strasbourg", "EU"),
    Region("BHS5", "Beauharnois", "NA"),
    Region("WAW1", "Warsaw", "EU"),
    Region("GRA11", "Gravelines", "EU", listed=False),
    Region("SBG5", "Strasbourg", "EU", listed=False),
)
_SIZES = (
    ("d2-2", "ovh.d2", 1, 2000, 25, 100),
    ("d2-4", "ovh.d2", 2, 4000, 50, 250),
    ("b2-7", "ovh.ssd.eg", 2, 7000, 50, 250),
)
_SYSTEMS = (("Debian 12", "debian", 1_700_000_000), ("Ubuntu 24.04", "ubuntu", 1_720_000_000))


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


FLAVORS = tuple(
    Flavor(_id("flavor", region.name, size[0]), size[0], size[1], region.name, *size[2:])
    for region in REGIONS
    for size in _SIZES
)
IMAGES = tuple(
    Image(_id("image", region.name, name), name, region.name, user, created)
    for region in REGIONS
    for name, user, created in _SYSTEMS
)

_REGION_BY_NAME = {region.name: region for region in REGIONS}
_FLAVOR_BY_ID = {flavor.id: flavor for flavor in FLAVORS}
_IMAGE_BY_ID = {image.id: image for image in IMAGES}


def find_region(name: str) -> Region | None:
    """The region of that name, listed or not."""
    return _REGION_BY_NAME.get(name)


def find_flavor(flavor_id: str) -> Flavor | None:
    """The flavor of that id."""
    return _FLAVOR_BY_ID.get(flavor_id)


def find_image(image_id: str) -> Image | None:
    """The image of that id."""
    return _IMAGE_BY_ID.get(image_id)


def is_offered(item: Flavor | Image, region: str | None) -> bool:
    """Whether a list for `region` shows `item`; without a region, lists show what is in the regions that are listed."""
    return item.region == region if region is not None else _REGION_BY_NAME[item.region].listed
