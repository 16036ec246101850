"""The sandbox behind the gateway of a demo, as customers' programs meet it."""

import json
import subprocess

import pytest

from mandat.cli.main import run as command
from mandat.client import ServiceUnavailable
from support.demo import Demo
from support.instances import needs_isolation
from support.waiting import wait_for

pytestmark = [pytest.mark.demo]

CLOUD = [("GET", "/cloud/project"), ("GET", "/cloud/project/*"), ("POST", "/cloud/project/*")]
CONFIG = "#cloud-config\nwrite_files:\n- path: /var/www/html/index.html\n  content: from the demo\n"


@needs_isolation
def test_a_customer_creates_a_site_through_the_gateway_and_it_is_gone_with_its_instance(demo: Demo) -> None:
    client = demo.client(demo.grant([*CLOUD, ("DELETE", "/cloud/project/*")]))
    [project] = client.get("/cloud/project")
    base = f"/cloud/project/{project}"
    flavor, image = client.get(f"{base}/flavor?region=GRA1")[0], client.get(f"{base}/image?region=GRA1")[0]

    made = client.post(
        f"{base}/instance", name="site", region="GRA1", flavorId=flavor["id"], imageId=image["id"], userData=CONFIG
    )
    path = f"{base}/instance/{made['id']}"
    wait_for(lambda: client.get(path)["status"] == "ACTIVE", what="the instance")
    [address] = client.get(path)["ipAddresses"]
    curl = ["curl", "-sS", f"http://{address['ip']}:{address['httpPort']}/"]

    assert address["httpPort"] == demo.announcement["instance_port"]
    assert subprocess.run(curl, capture_output=True, text=True, check=True).stdout == "from the demo"
    assert client.delete(path) is None
    assert subprocess.run(curl, capture_output=True, check=False).returncode == 7


def test_both_customers_have_a_project_and_a_server_of_their_own(demo: Demo) -> None:
    rules = [("GET", "/cloud/project"), ("GET", "/vps")]
    first, second = (demo.client(demo.grant(rules, customer=number)) for number in (0, 1))

    assert len(first.get("/cloud/project")) == len(second.get("/vps")) == 1
    assert first.get("/cloud/project") != second.get("/cloud/project")
    assert first.get("/vps") != second.get("/vps")


def test_a_fault_that_is_ordered_on_a_demos_folder_is_met_through_its_gateway(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    client = demo.client(demo.grant([("GET", "/vps/*")], customer=1))
    account = demo.person("customer", 1)["account"]
    order = ["fault", "set", "GET /vps/{serviceName}", "--fail", "503", "--message", "Closed", "--account", account]
    assert command(["sandbox", *order, "--always", "--data", str(demo.folder)]) == 0
    try:
        with pytest.raises(ServiceUnavailable, match="Closed"):
            client.get("/vps/any")
    finally:
        capsys.readouterr()
        assert command(["sandbox", "fault", "clear", "--data", str(demo.folder)]) == 0
    capsys.readouterr()
    command(["sandbox", "ledger", "--account", account, "--json", "--data", str(demo.folder)])
    last = json.loads(capsys.readouterr().out)[-1]
    assert (last["path"], last["status"], last["fault"]) == ("/1.0/vps/any", 503, "fail 503")
    assert last["queryId"].startswith("EU.")
