"""Projects and what they are offered: regions, flavors, images, keys, no volumes."""

import base64
import hashlib

import pytest

from support.sandbox import ALICE, BRUNO

BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
KEY = f"ssh-ed25519 {base64.b64encode(BLOB).decode()} alice@example.org"


@pytest.fixture
def call(sandbox):
    """A call of ALICE below her project."""
    path = sandbox.project(ALICE)
    return lambda method, below="", **options: sandbox.call(method, f"{path}{below}", account=ALICE, **options)


def test_each_seeded_account_has_one_project(sandbox, call):
    [project_id] = sandbox.call("GET", "/cloud/project", account=ALICE).json()
    project = call("GET").json()

    assert (project["project_id"], project["status"], project["description"]) == (project_id, "ok", "Web")
    assert sandbox.call("GET", "/cloud/project", account=BRUNO).json() != [project_id]
    assert sandbox.call("GET", "/cloud/project", account="zz999-mandat").json() == []


@pytest.mark.parametrize("name", ["nothing", "%20", "*", "x" * 200])
def test_a_project_that_is_none_is_refused_as_anothers_is(sandbox, name):
    answer = sandbox.call("GET", f"/cloud/project/{name}", account=ALICE)

    assert (answer.status_code, answer.json()["message"]) == (404, "This service does not exist")


def test_the_regions_that_are_listed_are_known_to_libcloud_and_newer_ones_work_unlisted(call):
    libclouds = {"BHS1", "BHS5", "GRA1", "SBG3", "WAW1", "FRA1", "LON1"}

    assert set(call("GET", "/region").json()) <= libclouds
    assert call("GET", "/region/GRA11").json()["status"] == "UP"
    assert call("GET", "/region/MARS1").json()["message"] == "This region does not exist"


def test_flavors_and_images_have_what_clients_read_and_an_id_for_each_region(call):
    flavors, images = call("GET", "/flavor").json(), call("GET", "/image").json()

    assert {"id", "name", "vcpus", "ram", "disk", "type", "region", "outboundBandwidth"} <= set(flavors[0])
    assert {"id", "name", "region", "visibility"} <= set(images[0])
    for items, path in ((flavors, "flavor"), (images, "image")):
        assert {item["region"] for item in items} == set(call("GET", "/region").json())
        assert len({item["id"] for item in items}) == len(items)
        assert call("GET", f"/{path}/{items[0]['id']}").json() == items[0]
        assert call("GET", f"/{path}/nothing").json()["message"] == f"This {path} does not exist"
        assert {item["region"] for item in call("GET", f"/{path}?region=SBG5").json()} == {"SBG5"}
        assert call("GET", f"/{path}?region=MARS1").json() == []
    assert [flavor["ram"] for flavor in call("GET", "/flavor?region=GRA1").json()] == [2000, 4000, 7000]
    assert call("GET", f"/image?region=GRA1&flavorId={flavors[0]['id']}&osType=linux").json() != []
    assert call("GET", "/image?osType=windows").json() == []


def test_there_are_no_volumes(call):
    assert call("GET", "/volume", body={"region": "GRA1"}).json() == []


def test_a_key_is_created_listed_shown_and_deleted(call):
    made = call("POST", "/sshkey", body={"name": "laptop", "publicKey": KEY, "region": "GRA1"}).json()

    assert made["fingerPrint"] == hashlib.md5(BLOB, usedforsecurity=False).digest().hex(":")
    assert (made["name"], made["publicKey"], made["regions"]) == ("laptop", KEY, ["GRA1"])
    listed = {name: value for name, value in made.items() if name != "fingerPrint"}
    assert listed in call("GET", "/sshkey").json()
    assert listed not in call("GET", "/sshkey?region=SBG3").json()
    assert call("GET", f"/sshkey/{made['id']}").json() == made
    assert call("DELETE", f"/sshkey/{made['id']}?keyId={made['id']}").content == b"null"  # as libcloud does it
    assert call("GET", f"/sshkey/{made['id']}").status_code == 404
    assert call("DELETE", f"/sshkey/{made['id']}").json()["message"] == "This key does not exist"


def test_repeating_the_creation_of_a_key_makes_one_and_a_second_of_its_name_is_a_conflict(call):
    body = {"name": "desk", "publicKey": KEY}
    first = call("POST", "/sshkey", body=body, Idempotency_Key="key-1")

    assert call("POST", "/sshkey", body=body, Idempotency_Key="key-1").content == first.content
    again = call("POST", "/sshkey", body=body)
    assert (again.status_code, again.json()["details"]) == (409, {"field": "name"})


def test_anothers_key_does_not_exist(sandbox, call):
    made = call("POST", "/sshkey", body={"name": "mine", "publicKey": KEY}).json()

    for method in ("GET", "DELETE"):
        path = f"{sandbox.project(BRUNO)}/sshkey/{made['id']}"
        assert sandbox.call(method, path, account=BRUNO).status_code == 404
    assert call("GET", f"/sshkey/{made['id']}").status_code == 200


def test_an_instance_keeps_the_key_it_was_created_with(call):
    from support.instances import IN_REGION, WANTED, needs_isolation

    if needs_isolation.args[0]:
        pytest.skip("instances cannot run here")
    made = call("POST", "/sshkey", body={"name": "kept", "publicKey": KEY}).json()
    by_id = call("POST", "/instance", body=WANTED | {"sshKeyId": made["id"]}).json()
    by_name = call("POST", "/region/GRA1/instance", body=IN_REGION | {"sshKey": {"name": "kept"}}).json()
    along = IN_REGION | {"sshKeyCreate": {"name": "along", "publicKey": KEY}}
    call("POST", "/region/GRA1/instance", body=along)
    call("DELETE", f"/sshkey/{made['id']}")

    assert by_id["sshKey"] == made
    assert call("GET", f"/instance/{by_id['id']}").json()["sshKey"] == made
    assert call("GET", f"/region/GRA1/instance/{by_name['resourceId']}").json()["sshKey"] == "kept"
    [created] = [key for key in call("GET", "/sshkey").json() if key["name"] == "along"]
    assert created["regions"] == ["GRA1"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", " a"),
        ("name", "caf\u00e9"),
        ("name", "a/b"),
        ("name", "x" * 101),
        ("publicKey", None),
        ("publicKey", ""),
        ("publicKey", "ssh-ed25519"),
        ("publicKey", "ssh-ed25519 AAAA"),
        ("publicKey", "ssh-ed25519 " + base64.b64encode(BLOB.replace(b"ed25519", b"ed25518")).decode()),
        ("publicKey", f"ssh-rsa {KEY.split()[1]}"),
        ("publicKey", f"command=x {KEY}"),
        ("publicKey", f"{KEY}\n{KEY}"),
        ("publicKey", "ssh-ed25519 " + "A" * 5000),
        ("publicKey", 5),
        ("region", "MARS1"),
        ("region", ["GRA1"]),
    ],
)
def test_what_is_no_key_is_refused_by_name(sandbox, name, value):
    path = f"{sandbox.project(BRUNO)}/sshkey"

    answer = sandbox.call("POST", path, account=BRUNO, body={"name": "k", "publicKey": KEY} | {name: value})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": name})
    assert sandbox.call("GET", path, account=BRUNO).json() == []
