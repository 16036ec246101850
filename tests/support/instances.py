"""Cloud instances of a running sandbox, as a customer's program makes and looks at them."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from mandat.sandbox.cloud.catalogue import FLAVORS, IMAGES
from mandat.sandbox.instances.jail import Isolation
from support.sandbox import ALICE, RunningSandbox
from support.waiting import wait_for

_OBSTACLE = Isolation(hidden=Path("/nowhere")).jail()
needs_isolation = pytest.mark.skipif(isinstance(_OBSTACLE, str), reason=f"!!! instances cannot run here: {_OBSTACLE}")

REGION = "GRA1"
FLAVOR, IMAGE = FLAVORS[0].id, IMAGES[0].id
WANTED: dict[str, Any] = {"name": "web", "region": REGION, "flavorId": FLAVOR, "imageId": IMAGE}
IN_REGION: dict[str, Any] = {
    "name": "web",
    "flavor": {"id": FLAVOR},
    "bootFrom": {"imageId": IMAGE},
    "network": {"public": True},
    "billingPeriod": "hourly",
}


def cloud_config(files: dict[str, str]) -> str:
    """userData that writes these files; paths below the site's root."""
    entries = "".join(f"- path: /var/www/html/{path}\n  content: {text!r}\n" for path, text in files.items())
    return f"#cloud-config\nwrite_files:\n{entries}"


def create(sandbox: RunningSandbox, text: str = "hello", **changes: Any) -> dict[str, Any]:
    """An instance of ALICE that serves `text`; what the API said."""
    body = WANTED | {"userData": cloud_config({"index.html": text})} | changes
    answer = sandbox.call("POST", f"{sandbox.project(ALICE)}/instance", account=ALICE, body=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def find(sandbox: RunningSandbox, instance_id: str) -> httpx2.Response:
    """The instance as the API says it now."""
    return sandbox.call("GET", f"{sandbox.project(ALICE)}/instance/{instance_id}", account=ALICE)


def wait_until_active(sandbox: RunningSandbox, instance_id: str) -> dict[str, Any]:
    """The instance, once it is no longer built."""

    def built() -> dict[str, Any] | None:
        instance = find(sandbox, instance_id).json()
        return None if instance["status"] == "BUILD" else instance

    instance = wait_for(built, what="the instance", every=0.02)
    assert instance["status"] == "ACTIVE"
    return instance


def site_of(instance: dict[str, Any]) -> str:
    """The address of an active instance's site."""
    [address] = instance["ipAddresses"]
    return f"http://{address['ip']}:{address['httpPort']}"


def processes_of(folder: Path) -> list[int]:
    """Processes whose command line names the data folder: the isolated web servers of a sandbox."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if b"bwrap" in line and str(folder).encode() in line:
            found.append(int(entry.parent.name))
    return found
