"""The commands that others script, against a running demo, as processes: output to the letter and exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from support.demo import Demo

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mandat(demo: Demo) -> Command:
    """Runs one command with the ready-made application's keys in the environment: (status, output, errors)."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("OVH_", "MANDAT_"))}

    def run(*arguments: str, given: str = "", **environment: str) -> tuple[int, str, str]:
        keys = {
            "OVH_ENDPOINT": demo.endpoint,
            "OVH_APPLICATION_KEY": demo.application_key,
            "OVH_APPLICATION_SECRET": demo.application_secret,
            "MANDAT_CONFIG": str(demo.folder / "mandat.toml"),
        }
        outcome = subprocess.run(
            [sys.executable, "-m", "mandat.cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            input=given,
            env=usual | keys | environment,
        )
        return outcome.returncode, outcome.stdout, outcome.stderr

    return run


@pytest.fixture
def customer(demo: Demo) -> list[str]:
    person = demo.person("customer")
    return ["--login", person["login"], "--password", person["password"]]


def ask(mandat: Command, *arguments: str) -> dict[str, str]:
    status, out, _ = mandat("request", "--json", *arguments)
    assert status == 0
    answer: dict[str, str] = json.loads(out)
    return answer


def test_request_approve_call_and_sign_play_together(demo: Demo, mandat: Command, customer: list[str]) -> None:
    asked = ask(mandat, "--rule", "GET /me", "--rule", "GET /auth/*", "--redirection", "https://shop.test/b?a=1")
    assert sorted(asked) == ["consumerKey", "state", "validationUrl"]
    key = asked["consumerKey"]
    status, out, err = mandat("call", "GET", "/me", OVH_CONSUMER_KEY=key)
    assert (status, out) == (1, "")
    assert "INVALID_CREDENTIAL" in err
    status, out, _ = mandat("approve", asked["validationUrl"], *customer, "--validity", "3600")
    assert (status, out) == (0, "Confirmed. The browser is sent to https://shop.test/b?a=1\n")
    status, out, _ = mandat("call", "GET", "/me", "--json", OVH_CONSUMER_KEY=key)
    assert (status, json.loads(out)["nichandle"]) == (0, demo.person("customer")["account"])
    status, out, _ = mandat("sign", "GET", f"{demo.endpoint}/me", "--consumer-key", key)
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "X-Ovh-Application", "X-Ovh-Consumer", "X-Ovh-Timestamp", "X-Ovh-Signature",
    ]  # fmt: skip


def test_approve_exits_0_only_if_the_page_said_so(mandat: Command, customer: list[str]) -> None:
    url = ask(mandat, "--rule", "GET /me")["validationUrl"]
    status, _, err = mandat("approve", url, customer[0], customer[1], "--password", "not the password")
    assert status == 1
    assert "The login was not accepted" in err
    status, _, err = mandat("approve", url, *customer, "--validity", "5")
    assert status == 1
    assert "60" in err
    status, out, _ = mandat("approve", url, *customer, "--refuse", "--json")
    assert (status, json.loads(out)["outcome"]) == (0, "refused")
    assert mandat("approve", url, *customer)[0] == 1, "answered already"
    assert mandat("approve", url[:-4] + "XXXX", *customer)[0] == 1, "unknown"


@pytest.mark.parametrize("validity", ["60", "unlimited"])
def test_approve_takes_any_validity_the_form_takes(
    demo: Demo, mandat: Command, customer: list[str], validity: str
) -> None:
    asked = ask(mandat, "--rule", "GET /me")
    assert mandat("approve", asked["validationUrl"], *customer, "--validity", validity)[0] == 0
    credential = demo.client(asked["consumerKey"]).get("/auth/currentCredential")
    assert (credential["expiration"] is None) == (validity == "unlimited")


def test_a_refused_call_names_the_missing_rule_and_the_command_to_ask_for_it(
    mandat: Command, customer: list[str]
) -> None:
    asked = ask(mandat, "--rule", "GET /me", "--allowed-ip", "127.0.0.1")
    mandat("approve", asked["validationUrl"], *customer)
    path = "/domain/zone/example.org/refresh"
    status, _, err = mandat("call", "POST", path, "--body", "{}", OVH_CONSUMER_KEY=asked["consumerKey"])
    assert status == 1
    assert "NOT_GRANTED_CALL" in err
    assert f'mandat request --rule "POST {path}"' in err


def test_a_body_arrives_from_the_line_from_a_file_and_from_standard_input(
    demo: Demo, mandat: Command, tmp_path
) -> None:
    key = demo.grant([("POST", "/domain/zone/example.org/record")])
    body = json.dumps({"fieldType": "TXT", "subDomain": "cli", "target": '"é"', "ttl": 60})
    (tmp_path / "body.json").write_text(body)
    for given in (body, f"@{tmp_path / 'body.json'}", "@-"):
        status, out, err = mandat(
            "call", "POST", "/domain/zone/example.org/record", "--body", given, given=body, OVH_CONSUMER_KEY=key
        )
        assert status == 0, err
        assert json.loads(out)["target"] == '"é"'


def test_an_application_can_be_created_suspended_resumed_and_deleted_while_the_system_runs(mandat: Command) -> None:
    status, out, _ = mandat("app", "create", "--name", "Scripted", "--description", "For a test", "--json")
    created = json.loads(out)
    assert (status, sorted(created)) == (0, ["key", "secret"])
    key = {"OVH_APPLICATION_KEY": created["key"], "OVH_APPLICATION_SECRET": created["secret"]}
    assert mandat("request", "--rule", "GET /me", **key)[0] == 0
    assert mandat("app", "suspend", created["key"])[0] == 0
    status, _, err = mandat("request", "--rule", "GET /me", **key)
    assert (status, "INVALID_KEY" in err) == (1, True)
    assert mandat("app", "suspend", created["key"])[0] == 1, "is suspended already"
    assert mandat("app", "resume", created["key"])[0] == 0
    assert mandat("request", "--rule", "GET /me", **key)[0] == 0
    listed = json.loads(mandat("app", "list", "--json")[1])
    assert [one["name"] for one in listed if one["key"] == created["key"]] == ["Scripted"]
    assert mandat("app", "delete", created["key"])[0] == 0
    assert mandat("request", "--rule", "GET /me", **key)[0] == 1
    assert mandat("app", "delete", created["key"])[0] == 1


def test_an_account_can_be_created_used_and_closed_while_the_system_runs(demo: Demo, mandat: Command) -> None:
    login = ["--login", "scripted.person", "--password", "a long password"]
    status, out, _ = mandat("account", "create", *login, "--role", "developer", "--json")
    assert status == 0
    assert json.loads(out)["role"] == "developer"
    status, _, err = mandat("account", "create", *login)
    assert (status, "taken" in err) == (1, True)
    asked = ask(mandat, "--rule", "GET /me")
    assert mandat("approve", asked["validationUrl"], *login)[0] == 0
    assert mandat("app", "create", "--name", "O", "--description", "d", "--owner", "scripted.person")[0] == 0
    assert mandat("account", "close", "scripted.person")[0] == 0
    status, _, err = mandat("call", "GET", "/me", OVH_CONSUMER_KEY=asked["consumerKey"])
    assert (status, "INVALID_CREDENTIAL" in err) == (1, True)
    closed = [one for one in json.loads(mandat("account", "list", "--json")[1]) if one["login"] == "scripted.person"]
    assert [one["closed"] for one in closed] == [True]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["app", "create", "--name", "", "--description", "d"], "name"),
        (["app", "create", "--name", "n", "--description", "x" * 300], "description"),
        (["app", "create", "--name", "a\u202eb", "--description", "d"], "name"),
        (["app", "create", "--name", "n", "--description", "d", "--owner", "nobody"], "nobody"),
        (["app", "suspend", "nosuchkey"], "nosuchkey"),
        (["account", "create", "--login", "a b", "--password", "long enough"], "login"),
        (["account", "create", "--login", "short", "--password", "x"], "password"),
        (["account", "close", "nobody"], "nobody"),
    ],
)
def test_what_the_authority_refuses_is_named_and_exits_with_1(
    mandat: Command, arguments: list[str], named: str
) -> None:
    status, out, err = mandat(*arguments)
    assert (status, out) == (1, "")
    assert named in err
    assert "Traceback" not in err
