"""Cloud instances: made in two ways, really serving, gone when deleted, back after a restart."""

import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from doubles.nature import SetClock
from mandat.sandbox.operating.seeds import seed
from mandat.sandbox.store.faults import Fault, FaultAction
from support.instances import (
    FLAVOR,
    IN_REGION,
    WANTED,
    cloud_config,
    create,
    find,
    needs_isolation,
    processes_of,
    site_of,
    wait_until_active,
)
from support.sandbox import ALICE, BRUNO, RunningSandbox
from support.waiting import wait_for

pytestmark = [needs_isolation, pytest.mark.slow]
OPERATION = "POST /cloud/project/{serviceName}/instance"


def refuses(site: str) -> bool:
    """Whether nothing listens at the site's address."""
    try:
        httpx2.get(site, timeout=5)
    except httpx2.ConnectError:
        return True
    return False


def test_an_instance_is_built_and_then_serves_its_site_at_an_address_of_its_own(sandbox):
    started = time.monotonic()
    made = create(sandbox, "<h1>caf\u00e9</h1>")
    instance = wait_until_active(sandbox, made["id"])
    page = subprocess.run(["curl", "-si", site_of(instance)], capture_output=True, text=True, check=True).stdout

    assert time.monotonic() - started < 2
    assert (made["status"], made["ipAddresses"]) == ("BUILD", [])
    assert page.startswith("HTTP/1.0 200 OK")
    assert page.endswith("\n\n<h1>caf\u00e9</h1>")
    assert "text/html; charset=utf-8" in page


def test_files_are_served_below_their_folders_and_nothing_else_is(sandbox):
    files = {"index.html": "home", "css/a.css": "body{}", "sub/index.html": "sub", "empty/x": ""}
    site = site_of(wait_until_active(sandbox, create(sandbox, userData=cloud_config(files))["id"]))

    def status(path: str) -> str:
        told = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", f"{site}{path}"]
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout

    assert httpx2.get(f"{site}/css/a.css").headers["content-type"] == "text/css; charset=utf-8"
    assert httpx2.get(f"{site}/sub/").text == "sub"
    assert status("/sub") == "301"
    assert status("/empty/") == "404"
    for path in ("/../server.py", "/%2e%2e/server.py", "/..%2f..%2fetc/passwd", "//etc/passwd", "/proc/1/environ"):
        assert status(path) == "404"
    assert httpx2.post(site, content=b"x").status_code == 501


def test_an_instance_without_user_data_has_an_empty_site(sandbox):
    answer = sandbox.call("POST", f"{sandbox.project(ALICE)}/instance", account=ALICE, body=WANTED)
    instance = wait_until_active(sandbox, answer.json()["id"])

    assert httpx2.get(site_of(instance)).status_code == 404


def test_a_deleted_instance_serves_no_more_when_the_deletion_is_answered(sandbox):
    instance = wait_until_active(sandbox, create(sandbox)["id"])

    path = f"{sandbox.project(ALICE)}/instance/{instance['id']}"
    assert sandbox.call("DELETE", path, account=ALICE).content == b"null"
    assert refuses(site_of(instance))
    gone = find(sandbox, instance["id"])
    assert (gone.status_code, gone.json()["message"]) == (404, "This instance does not exist")
    assert sandbox.call("DELETE", path, account=ALICE).status_code == 404
    folder = sandbox.folder / "instances" / instance["id"]
    wait_for(lambda: not processes_of(folder) and not folder.exists(), what="the end of its processes")


def test_an_instance_deleted_while_it_is_built_never_serves(sandbox):
    made = [create(sandbox)["id"] for _ in range(6)]
    path = f"{sandbox.project(ALICE)}/instance"
    for instance_id in made:
        assert sandbox.call("DELETE", f"{path}/{instance_id}", account=ALICE).status_code == 200

    folders = [sandbox.folder / "instances" / instance_id for instance_id in made]
    wait_for(lambda: not any(processes_of(folder) for folder in folders), what="the end of their processes")
    left = {instance["id"] for instance in sandbox.call("GET", path, account=ALICE).json()}
    assert not left & set(made)


def test_instances_of_a_region_are_made_by_an_operation_that_names_them(sandbox):
    project = sandbox.project(ALICE)
    body = IN_REGION | {"bulk": 2, "userData": cloud_config({"index.html": "bulk"}), "availabilityZone": None}

    made = sandbox.call("POST", f"{project}/region/GRA1/instance", account=ALICE, body=body).json()
    assert (made["action"], made["status"], made["resourceId"]) == ("instance#create", "created", None)

    def ended():
        operation = sandbox.call("GET", f"{project}/operation/{made['id']}", account=ALICE).json()
        return operation if operation["status"] not in ("created", "in-progress") else None

    operation = wait_for(ended, what="the operation")
    assert (operation["status"], operation["progress"]) == ("completed", 100)
    assert operation["startedAt"] is not None
    assert operation["completedAt"] is not None
    ids = [part["resourceId"] for part in operation["subOperations"]]
    pages = [httpx2.get(site_of(find(sandbox, instance_id).json())).text for instance_id in ids]
    assert pages == ["bulk", "bulk"]
    shown = sandbox.call("GET", f"{project}/region/GRA1/instance/{ids[0]}", account=ALICE).json()
    assert (shown["status"], shown["flavorName"], shown["name"]) == ("ACTIVE", "d2-2", "web-1")
    assert sandbox.call("GET", f"{project}/region/SBG3/instance/{ids[0]}", account=ALICE).status_code == 404


def test_one_instance_of_a_region_is_the_operations_resource_and_zero_is_one(sandbox):
    project = sandbox.project(ALICE)

    made = sandbox.call("POST", f"{project}/region/GRA1/instance", account=ALICE, body=IN_REGION | {"bulk": 0}).json()

    assert made["resourceId"] == made["subOperations"][0]["resourceId"]
    assert find(sandbox, made["resourceId"]).json()["name"] == "web"
    assert find(sandbox, made["resourceId"]).json()["operationIds"] in ([made["id"]], [])


def test_repeating_a_creating_call_makes_no_second_instance(sandbox):
    project = sandbox.project(ALICE)
    for path, body in (("instance", WANTED), ("region/GRA1/instance", IN_REGION)):
        before = len(sandbox.call("GET", f"{project}/instance", account=ALICE).json())

        def make(path: str = path, body: dict[str, object] = body) -> httpx2.Response:
            return sandbox.call("POST", f"{project}/{path}", account=ALICE, body=body, Idempotency_Key="step-1")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: make().content, range(8)))
        assert len(set(answers)) == 1
        assert len(sandbox.call("GET", f"{project}/instance", account=ALICE).json()) == before + 1


def test_a_projects_instances_are_listed_with_ids_and_by_region(sandbox):
    instance = wait_until_active(sandbox, create(sandbox, name="listed")["id"])
    project = sandbox.project(ALICE)

    listed = sandbox.call("GET", f"{project}/instance?region=GRA1", account=ALICE, body={"region": "GRA1"}).json()

    [shown] = [each for each in listed if each["id"] == instance["id"]]
    assert (shown["flavorId"], shown["imageId"]) == (WANTED["flavorId"], WANTED["imageId"])
    assert shown["ipAddresses"] == instance["ipAddresses"]
    assert sandbox.call("GET", f"{project}/instance?region=WAW1", account=ALICE).json() == []


def test_another_accounts_project_and_instances_do_not_exist(sandbox):
    instance = wait_until_active(sandbox, create(sandbox)["id"])
    alices, brunos = sandbox.project(ALICE), sandbox.project(BRUNO)

    for path in (alices, f"{alices}/instance/{instance['id']}", f"{brunos}/instance/{instance['id']}"):
        assert sandbox.call("GET", path, account=BRUNO).status_code == 404
    assert sandbox.call("DELETE", f"{brunos}/instance/{instance['id']}", account=BRUNO).status_code == 404
    assert httpx2.get(site_of(instance)).text == "hello"


def test_the_fault_switch_lets_an_instance_end_in_an_error(sandbox, ordered):
    ordered(Fault(OPERATION, FaultAction.BREAK, 0))
    made = create(sandbox)

    instance = wait_for(
        lambda: (now := find(sandbox, made["id"]).json())["status"] != "BUILD" and now, what="the instance"
    )

    assert (instance["status"], instance["ipAddresses"]) == ("ERROR", [])


def test_a_web_server_that_dies_is_started_again(sandbox):
    instance = wait_until_active(sandbox, create(sandbox)["id"])
    [process, *_] = processes_of(sandbox.folder / "instances" / instance["id"])
    subprocess.run(["kill", "-9", str(process)], check=True)

    def serves() -> bool:
        try:
            return httpx2.get(site_of(instance), timeout=5).text == "hello"
        except httpx2.HTTPError:
            return False

    wait_for(lambda: process not in processes_of(sandbox.folder) and serves(), what="the page")


@pytest.fixture
def own_sandbox(tmp_path: Path):
    """A sandbox that a test may stop; all that it starts on the folder are ended."""
    seed(tmp_path, accounts=[ALICE], zones={})
    running: list[RunningSandbox] = []

    def start(port: int | None = None) -> RunningSandbox:
        running.append(RunningSandbox(tmp_path, SetClock(time.time()), port=port))
        return running[-1]

    yield start
    for sandbox in running:
        sandbox.stop()


def test_instances_serve_again_after_a_restart_at_the_same_address(own_sandbox):
    first = own_sandbox()
    before = wait_until_active(first, create(first, "still here")["id"])
    building = create(first, "later")
    first.stop()
    assert processes_of(first.folder) == []
    assert refuses(site_of(before))

    second = own_sandbox(first.port)
    after = wait_until_active(second, before["id"])
    wait_for(lambda: not refuses(site_of(after)), what="the site")

    assert after == before
    assert httpx2.get(site_of(after)).text == "still here"
    assert httpx2.get(site_of(wait_until_active(second, building["id"]))).text == "later"


def test_twenty_instances_at_once_serve_within_seconds_and_end_at_once(own_sandbox):
    sandbox = own_sandbox()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create(sandbox, f"page {number}")["id"], range(20)))
    started = time.monotonic()
    instances = [wait_until_active(sandbox, instance_id) for instance_id in made]
    pages = [httpx2.get(site_of(instance)).text for instance in instances]

    assert time.monotonic() - started < 10
    assert sorted(pages) == sorted(f"page {number}" for number in range(20))
    assert len({site_of(instance) for instance in instances}) == 20
    stopping = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - stopping < 5
    assert processes_of(sandbox.folder) == []


def test_many_callers_at_once_are_all_served_and_a_silent_one_stops_nobody(sandbox):
    site = site_of(wait_until_active(sandbox, create(sandbox, "x" * 50_000)["id"]))
    host, port = site.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(8)]
    try:
        with ThreadPoolExecutor(16) as pool:
            sizes = set(pool.map(lambda _: len(httpx2.get(site, timeout=20).text), range(64)))
    finally:
        for each in silent:
            each.close()

    assert sizes == {50_000}


BAD = [
    ("name", "", "name"),
    ("name", " web", "name"),
    ("name", "x" * 101, "name"),
    ("name", "a\nb", "name"),
    ("name", None, "name"),
    ("name", 5, "name"),
    ("region", "MARS1", "region"),
    ("region", None, "region"),
    ("flavorId", "huge", "flavorId"),
    ("flavorId", [], "flavorId"),
    ("imageId", None, "imageId"),
    ("imageId", FLAVOR, "imageId"),
    ("region", "SBG3", "flavorId"),
    ("sshKeyId", "nobody's", "sshKeyId"),
    ("monthlyBilling", "true", "monthlyBilling"),
    ("networks", {}, "networks"),
    ("networks", [{"ip": "192.0.2.1"}], "networks[0].networkId"),
    ("networks", [None], "networks[0]"),
    ("networks", [{"networkId": "n"}], "networks"),
    ("groupId", "g", "groupId"),
    ("volumeId", "v", "volumeId"),
    ("availabilityZone", "a", "availabilityZone"),
    ("autobackup", {"cron": "* * * * *", "rotation": 1}, "autobackup"),
    ("autobackup", {"cron": "* * * * *"}, "autobackup.rotation"),
    ("userData", 5, "userData"),
    ("userData", "#cloud-config\x00", "userData"),
    ("userData", "#!/bin/sh\nrm -rf /", "userData"),
    ("userData", "#cloud-config\nruncmd: [reboot]", "userData"),
    ("userData", "#cloud-config\n" + "#" * 70_000, "userData"),
    ("userdata", "#cloud-config", "'userdata'"),
]


@pytest.mark.parametrize(("name", "value", "field"), BAD, ids=lambda value: ascii(value)[:30])
def test_what_an_instance_cannot_be_is_refused_by_name_and_nothing_is_made(sandbox, name, value, field):
    path = f"{sandbox.project(BRUNO)}/instance"

    answer = sandbox.call("POST", path, account=BRUNO, body=WANTED | {name: value})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": field}), answer.text
    assert sandbox.call("GET", path, account=BRUNO).json() == []


BAD_IN_REGION = [
    ("flavor", None, "flavor"),
    ("flavor", {}, "flavor.id"),
    ("flavor", {"id": "x"}, "flavor.id"),
    ("flavor", {"id": FLAVOR, "x": 1}, "flavor.'x'"),
    ("flavor", FLAVOR, "flavor"),
    ("bootFrom", None, "bootFrom.imageId"),
    ("bootFrom", {"volumeId": "v"}, "bootFrom.volumeId"),
    ("network", None, "network"),
    ("network", {"public": False}, "network.public"),
    ("network", {"public": "true"}, "network.public"),
    ("network", {"public": True, "private": {}}, "network.private"),
    ("billingPeriod", "daily", "billingPeriod"),
    ("bulk", -1, "bulk"),
    ("bulk", 21, "bulk"),
    ("bulk", 1 << 63, "bulk"),
    ("bulk", True, "bulk"),
    ("sshKey", {"name": "nobody's"}, "sshKey.name"),
    ("sshKeyCreate", {"name": "k", "publicKey": "ssh-rsa nothing"}, "sshKeyCreate.publicKey"),
    ("group", {"id": "g"}, "group"),
]


@pytest.mark.parametrize(("name", "value", "field"), BAD_IN_REGION, ids=lambda value: ascii(value)[:30])
def test_what_instances_of_a_region_cannot_be_is_refused_by_name(sandbox, name, value, field):
    path = f"{sandbox.project(BRUNO)}/region/GRA1/instance"

    answer = sandbox.call("POST", path, account=BRUNO, body=IN_REGION | {name: value})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": field}), answer.text
    assert sandbox.call("GET", path, account=BRUNO).json() == []


def test_a_region_that_does_not_exist_is_said(sandbox):
    answer = sandbox.call("POST", f"{sandbox.project(BRUNO)}/region/MARS1/instance", account=BRUNO, body=IN_REGION)

    assert (answer.status_code, answer.json()["message"]) == (404, "This region does not exist")


def test_a_project_has_a_most_of_instances(own_sandbox):
    from mandat.sandbox.store.cloud import Instance, add_instance
    from mandat.sandbox.store.database import open_database, transaction

    sandbox = own_sandbox()
    project = sandbox.project(ALICE).rpartition("/")[2]
    connection = open_database(sandbox.folder)
    with transaction(connection):
        for number in range(100):
            add_instance(connection, Instance(f"i{number}", project, "GRA1", "n", FLAVOR, "", "ERROR", 0, {}))
    connection.close()

    answer = sandbox.call("POST", f"{sandbox.project(ALICE)}/instance", account=ALICE, body=WANTED)

    assert (answer.status_code, answer.json()["message"]) == (403, "This project may have 100 instances at most")


def test_answers_have_exactly_the_members_of_their_models(sandbox):
    instance = wait_until_active(sandbox, create(sandbox)["id"])
    project = sandbox.project(ALICE)
    models = sandbox.http.get("/1.0/cloud.json").json()["models"]
    operation = sandbox.call("POST", f"{project}/region/GRA1/instance", account=ALICE, body=IN_REGION).json()
    listed = sandbox.call("GET", f"{project}/instance", account=ALICE).json()[0]
    region = sandbox.call("GET", f"{project}/region/GRA1/instance/{instance['id']}", account=ALICE).json()

    for value, model in (
        (instance, "cloud.instance.InstanceDetail"),
        (instance["flavor"], "cloud.flavor.Flavor"),
        (instance["image"], "cloud.image.Image"),
        (instance["ipAddresses"][0], "cloud.instance.IpAddress"),
        (listed, "cloud.instance.Instance"),
        (region, "cloud.instance.region.Instance"),
        (operation, "cloud.Operation"),
        (operation["subOperations"][0], "cloud.SubOperation"),
        (sandbox.call("GET", project, account=ALICE).json(), "cloud.Project"),
    ):
        described = models[model]["properties"]
        assert set(value) == set(described)
        assert all(item is not None or described[name]["canBeNull"] for name, item in value.items())
