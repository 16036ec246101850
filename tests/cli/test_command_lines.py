"""What the command line accepts, prints and exits with, as far as nothing has to be called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mandat.cli.main import run

VECTOR = [
    "--application-key", "7kbG7Bk7S9Nt7ZSV",
    "--application-secret", "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
    "--consumer-key", "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
    "--timestamp", "1700000000",
]  # fmt: skip


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]):
    def of(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return of


COMMANDS = [
    ["serve"], ["demo"], ["sandbox"], ["marketplace"], ["init"],
    ["app", "create"], ["app", "list"], ["app", "suspend"], ["app", "resume"], ["app", "delete"],
    ["audit", "export"], ["audit", "heads"], ["audit", "check"], ["audit", "erase"],
    ["backup"], ["restore"], ["verify"], ["keys", "rotate"],
    ["app", "rotate"], ["app", "secrets"], ["app", "end-secret"],
    ["account", "create"], ["account", "list"], ["account", "close"],
    ["request"], ["approve"], ["call"], ["sign"], ["rules", "check"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(printed, command: list[str]) -> None:
    status, out, _ = printed(*command, "--help")
    assert status == 0
    assert f"Usage: mandat {' '.join(command)}" in out


def test_help_needs_no_library_of_the_programs_it_starts() -> None:
    heavy = ["httpx2", "litestar", "sqlalchemy", "dbos", "uvloop", "cryptography", "jinja2"]
    code = f"""
import sys
from mandat.cli.main import run
run(["--help"])
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert outcome.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["app", "bogus"],
        ["call", "GET"],
        ["call", "GET", "/me", "--bogus"],
        ["app", "create", "--name", "x"],
        ["account", "create", "--login", "x", "--password", "y", "--role", "king"],
        ["demo", "--port", "none"],
        ["demo", "--port", "0"],
        ["demo", "--port", "65001"],
        ["sandbox", "--issuer", "x", "--jwks-url", "y", "--dns-port", "70000"],
        ["request", "--endpoint", "http://127.0.0.1:1", "--rule", "GET"],
        ["request", "--endpoint", "nowhere", "--rule", "GET /me"],
        ["approve", "http://127.0.0.1:1/", "--login", "a", "--password", "b", "--validity", "soon"],
        ["call", "GET", "me", "--endpoint", "http://127.0.0.1:1", "--unsigned"],
        ["call", "G-T", "/me", "--endpoint", "http://127.0.0.1:1"],
        ["call", "POST", "/me", "--endpoint", "http://127.0.0.1:1", "--body", '{"a":1,"a":2}'],
        ["call", "POST", "/me", "--endpoint", "http://127.0.0.1:1", "--body", "@/does/not/exist"],
        ["sign", "GET", "/me", *VECTOR],
        ["rules", "check"],
        ["rules", "check", "--file", "/does/not/exist"],
        ["app", "list", "--config", "/does/not/exist"],
        ["app", "list", "--config", "x", "--data", "y"],
    ],
    ids=" ".join,
)
def test_a_command_given_wrongly_exits_with_2_and_a_sentence(printed, arguments: list[str]) -> None:
    status, out, err = printed(*arguments)
    assert status == 2
    assert out == ""
    assert 10 < len(err) < 600
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "one", "two"], "Too much was given: two."),
        (["app", "list", "--", "--data", "x"], "The option --data stands after --"),
        (["app", "list", "--dta", "x"], "Did you mean --data?"),
    ],
)
def test_what_was_typed_too_much_is_named(printed, arguments: list[str], said: str) -> None:
    status, _, err = printed(*arguments)
    assert status == 2
    assert said in err


def test_nobody_listening_exits_with_1_and_says_that_nothing_was_sent(printed) -> None:
    status, _, err = printed("call", "POST", "/me", "--unsigned", "--endpoint", "http://127.0.0.1:1", "--body", "{}")
    assert status == 1
    assert "127.0.0.1:1 cannot be reached" in err
    assert "Nothing was sent" in err


def test_sign_prints_the_headers_of_the_published_vectors(printed) -> None:
    status, out, _ = printed("sign", "get", "https://eu.api.ovh.com/1.0/me", *VECTOR)
    assert status == 0
    assert out.splitlines() == [
        "X-Ovh-Application: 7kbG7Bk7S9Nt7ZSV",
        "X-Ovh-Consumer: MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
        "X-Ovh-Timestamp: 1700000000",
        "X-Ovh-Signature: $1$88cb7e470a86fd9021d4e81c63c34786c3f8cd31",
    ]


def test_sign_takes_the_body_to_the_byte_also_from_a_file(printed, tmp_path: Path) -> None:
    body = '{"fieldType":"TXT","subDomain":"www","target":"\\"v=spf1 \\u00e9\\"","ttl":60}'
    (tmp_path / "body.json").write_text(body)
    url = "http://127.0.0.1:8080/1.0/domain/zone/example.org/record"
    for given in (body, f"@{tmp_path / 'body.json'}"):
        _, out, _ = printed("sign", "POST", url, "--body", given, "--json", *VECTOR)
        assert json.loads(out)["X-Ovh-Signature"] == "$1$b8f8f5358c59f2e71c5e68024d56e391992ce497"


def test_values_that_begin_with_a_hyphen_are_values(printed) -> None:
    status, _, _ = printed("sign", "POST", "http://h.test/1.0/x", "--body", "-5", *VECTOR)
    assert status == 0


def test_init_writes_a_file_once(printed, tmp_path: Path) -> None:
    file = tmp_path / "mandat.toml"
    assert printed("init", str(file))[0] == 0
    written = file.read_text()
    status, _, err = printed("init", str(file))
    assert status == 1
    assert "exists already" in err
    assert file.read_text() == written


def test_good_rules_pass(printed) -> None:
    status, out, _ = printed("rules", "check", "GET /me", "get /domain/zone/*", "GET /domain/zone", "--json")
    assert status == 0
    assert json.loads(out)["rules"] == 3


@pytest.mark.parametrize(
    "rule", ["PATCH /me", "GET", "GET me", "GET /a//b", "GET /me\t", "GET /../x", "GET /" + "*x" * 9]
)
def test_rules_a_server_refuses_exit_with_1_and_are_named(printed, rule: str) -> None:
    status, out, _ = printed("rules", "check", "GET /vps", rule, "--json")
    errors = [finding for finding in json.loads(out)["findings"] if finding["level"] == "error"]
    assert (status, [error["rule"] for error in errors]) == (1, [rule])


@pytest.mark.parametrize(
    "content",
    [
        "# ours\nGET /me\n\nGET /vps # list\n",
        '["GET /me", {"method": "GET", "path": "/vps"}]',
        '{"accessRules": [{"method": "GET", "path": "/me"}, {"method": "GET", "path": "/vps"}]}',
    ],
)
def test_rules_are_read_from_files_of_three_kinds(printed, tmp_path: Path, content: str) -> None:
    (tmp_path / "rules").write_text(content)
    status, out, _ = printed("rules", "check", "--file", str(tmp_path / "rules"), "--json")
    assert (status, json.loads(out)["rules"]) == (0, 2)


@pytest.mark.parametrize("content", ["[", "{}", '{"accessRules": 1}', "[" * 100_000])
def test_a_broken_rule_file_is_named(printed, tmp_path: Path, content: str) -> None:
    (tmp_path / "rules").write_text(content)
    status, _, err = printed("rules", "check", "--file", str(tmp_path / "rules"))
    assert status == 2
    assert str(tmp_path / "rules") in err
