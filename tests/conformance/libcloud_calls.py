"""Does one thing with apache-libcloud, unchanged, and says what came of it. A program of its own: see test_libcloud.

In (standard input): {"do": name of a function below, "keys": [...], "project": id, "region": "" or "eu"}.
Out: {"answer": ...} or {"error": name of the exception, "code": HTTP status or None, "message": text}.
"""

import json
import sys
import time
from typing import Any

from libcloud.compute.base import NodeDriver
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

NAME = "from-libcloud"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3p9Xb0p2c9H1s7l5m0mYQ6m0v0u6fWcJ8yq1Yw3k7d libcloud"


def connect(told: dict[str, Any]) -> NodeDriver:
    """A driver as an application makes it."""
    application_key, application_secret, consumer_key = told["keys"]
    return get_driver(Provider.OVH)(
        application_key,
        application_secret,
        ex_project_id=told["project"],
        ex_consumer_key=consumer_key,
        region=told["region"],
    )


def ask(told: dict[str, Any]) -> None:
    """Without a consumer key the driver asks for one, and says so with an exception."""
    connect({**told, "keys": [*told["keys"][:2], None]})


def list_nodes(told: dict[str, Any]) -> list[str]:
    """The plainest call."""
    return [node.name for node in connect(told).list_nodes()]


def look_round(told: dict[str, Any]) -> dict[str, Any]:
    """Every list that a dashboard shows; also narrowed to one region, which it says in the body of a GET."""
    driver = connect(told)
    locations = driver.list_locations()
    sizes, images = driver.list_sizes(locations[0]), driver.list_images(locations[0])
    return {
        "locations": [location.id for location in locations],
        "sizes": [[size.name, size.ram, size.disk, size.bandwidth, size.extra] for size in sizes],
        "images": [[image.name, image.extra] for image in images],
        "one size": driver.ex_get_size(sizes[0].id).name == sizes[0].name,
        "one image": driver.get_image(images[0].id).name == images[0].name,
        "nodes": [node.name for node in driver.list_nodes(locations[0])],
        "keys": [key.name for key in driver.list_key_pairs(locations[0])],
    }


def live(told: dict[str, Any]) -> dict[str, Any]:
    """A node from its making to its end, with a key."""
    driver = connect(told)
    location = driver.list_locations()[0]
    key = driver.import_key_pair_from_string(NAME, KEY, location)
    image, size = driver.list_images(location)[0], driver.list_sizes(location)[0]
    made = driver.create_node(NAME, image, size, location, ex_keyname=key.name)
    try:
        seen = _wait_until_running(driver, made.id)
    finally:
        driver.destroy_node(made)
        driver.delete_key_pair(key)
    return {"made": made.name, "state": seen.state, "addresses": seen.public_ips, "left": list_nodes(told)}


def _wait_until_running(driver: NodeDriver, node_id: str) -> Any:
    deadline = time.monotonic() + 30
    while (node := driver.ex_get_node(node_id)).state != NodeState.RUNNING:
        assert time.monotonic() < deadline, node.state
        time.sleep(0.1)
    return node


DEEDS = {"ask": ask, "list_nodes": list_nodes, "look_round": look_round, "live": live}


def main() -> None:
    """Reads, does, says."""
    told = json.load(sys.stdin)
    try:
        outcome = {"answer": DEEDS[told["do"]](told)}
    except Exception as fault:
        outcome = {"error": type(fault).__name__, "code": getattr(fault, "code", None), "message": str(fault)}
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
