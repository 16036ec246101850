"""Virtual servers: states, images, tasks that take their time."""

import pytest

from mandat.sandbox.store.faults import Fault, FaultAction
from support.sandbox import ALICE, BRUNO

WAITS, REBOOTS, REBUILDS = 0.5, 1.0, 2.0  # seconds


@pytest.fixture
def call(sandbox):
    """A call of ALICE below her server, which no task is working on."""
    [name] = sandbox.call("GET", "/vps", account=ALICE).json()
    sandbox.clock.advance(10)

    def call(method, below="", **options):
        return sandbox.call(method, f"/vps/{name}{below}", account=ALICE, **options)

    if call("GET").json()["state"] == "stopped":
        call("POST", "/start")
        sandbox.clock.advance(10)
    return call


def test_each_seeded_account_has_one_server(sandbox, call):
    server = call("GET").json()
    described = sandbox.http.get("/1.0/vps.json").json()["models"]["vps.VPS"]["properties"]

    assert set(server) == set(described)
    assert server["name"].startswith("vps-")
    assert server["state"] == "running"
    assert sandbox.call("GET", f"/vps/{server['name']}", account=BRUNO).json()["message"] == (
        "This service does not exist"
    )


def test_a_reboot_is_a_task_that_takes_its_time(call, sandbox):
    task = call("POST", "/reboot").json()
    assert (task["type"], task["state"], task["progress"]) == ("rebootVm", "todo", 0)
    assert call("GET").json()["state"] == "rebooting"

    sandbox.clock.advance(WAITS)
    assert call("GET", f"/tasks/{task['id']}").json()["state"] == "doing"
    sandbox.clock.advance(REBOOTS)

    done = call("GET", f"/tasks/{task['id']}").json()
    assert (done["state"], done["progress"]) == ("done", 100)
    assert call("GET").json()["state"] == "running"


def test_a_rebuild_installs_the_wanted_image(call, sandbox):
    images = {image_id: call("GET", f"/images/available/{image_id}").json()["name"] for image_id in list_images(call)}
    before = call("GET", "/images/current").json()
    wanted = next(image_id for image_id in images if image_id != before["id"])

    task = call("POST", "/rebuild", body={"imageId": wanted, "doNotSendPassword": True}).json()
    assert call("GET").json()["state"] == "installing"
    assert call("GET", "/images/current").json() == before
    sandbox.clock.advance(WAITS + REBUILDS)

    assert call("GET", "/images/current").json() == {"id": wanted, "name": images[wanted]}
    assert task["id"] in call("GET", "/tasks").json()
    assert call("GET", "/tasks?type=rebuildVm&state=done").json()[-1] == task["id"]


def list_images(call):
    return call("GET", "/images/available").json()


def test_a_server_is_stopped_and_started_and_only_what_is_possible_is_done(call, sandbox):
    assert call("POST", "/start").json()["message"] == "This is not possible while the server is running"
    call("POST", "/stop")
    assert (call("POST", "/stop").status_code, call("GET").json()["state"]) == (409, "stopping")
    sandbox.clock.advance(5)
    assert call("GET").json()["state"] == "stopped"
    assert call("POST", "/reboot").status_code == 409
    call("POST", "/start")
    sandbox.clock.advance(5)
    assert call("GET").json()["state"] == "running"


def test_a_broken_task_leaves_the_server_as_it_was(call, sandbox, ordered):
    ordered(Fault("POST /vps/{serviceName}/rebuild", FaultAction.BREAK, 0))
    before = call("GET", "/images/current").json()
    task = call("POST", "/rebuild", body={"imageId": list_images(call)[-1]}).json()
    sandbox.clock.advance(5)

    assert call("GET", f"/tasks/{task['id']}").json()["state"] == "error"
    assert (call("GET").json()["state"], call("GET", "/images/current").json()) == ("running", before)


def test_repeating_a_reboot_starts_one_task(call):
    first = call("POST", "/reboot", Idempotency_Key="step-1")

    assert call("POST", "/reboot", Idempotency_Key="step-1").content == first.content


def test_shown_name_and_settings_can_be_changed_and_the_rest_may_be_repeated(call):
    server = call("GET").json()

    assert call("PUT", body=server | {"displayName": "Shop", "keymap": "fr", "slaMonitoring": True}).content == b"null"

    changed = call("GET").json()
    assert (changed["displayName"], changed["keymap"], changed["slaMonitoring"]) == ("Shop", "fr", True)
    assert {**changed, "displayName": 0, "keymap": 0, "slaMonitoring": 0} == {
        **server, "displayName": 0, "keymap": 0, "slaMonitoring": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "below", "body", "field"),
    [
        ("PUT", "", {}, "body"),
        ("PUT", "", {"displayName": ""}, "displayName"),
        ("PUT", "", {"displayName": "x" * 101}, "displayName"),
        ("PUT", "", {"displayName": "a\nb"}, "displayName"),
        ("PUT", "", {"keymap": "de"}, "keymap"),
        ("PUT", "", {"netbootMode": 5}, "netbootMode"),
        ("PUT", "", {"slaMonitoring": "yes"}, "slaMonitoring"),
        ("PUT", "", {"state": "stopped"}, "state"),
        ("PUT", "", {"vcore": 64}, "vcore"),
        ("PUT", "", {"model": {"memory": 1}}, "model"),
        ("PUT", "", {"model": {"x": 1}}, "model.'x'"),
        ("POST", "/rebuild", None, "imageId"),
        ("POST", "/rebuild", {"imageId": "nothing"}, "imageId"),
        ("POST", "/rebuild", {"imageId": "IMAGE", "publicSshKey": "x"}, "publicSshKey"),
        ("POST", "/rebuild", {"imageId": "IMAGE", "sshKey": "x"}, "sshKey"),
        ("POST", "/rebuild", {"imageId": "IMAGE", "installRTM": "x"}, "installRTM"),
        ("POST", "/reboot", {"force": True}, "'force'"),
        ("GET", "/tasks?state=x", None, "state"),
        ("GET", "/tasks/x", None, "id"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(call, method, below, body, field):
    before, image = call("GET").json(), list_images(call)[0]
    if body and body.get("imageId") == "IMAGE":
        body = {**body, "imageId": image}

    answer = call(method, below, body=body)

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": field})
    assert call("GET").json() == before


def test_its_address_is_one_for_documentation_and_unknown_things_are_said(call):
    [address] = call("GET", "/ips").json()

    assert address.startswith("203.0.113.")
    assert call("GET", "/tasks/5").json()["message"] == "This task does not exist"
    assert call("GET", "/images/available/x").json()["message"] == "This image does not exist"
