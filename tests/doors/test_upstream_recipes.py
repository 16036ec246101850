"""The guide for upstream authors: its recipe for Node accepts what the signer makes and refuses everything else."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from doubles.upstream_gateway import PRIVATE_KEY, PUBLIC_KEY
from mandat.enforcement.assertion import AssertionSigner, jwks_document
from support.deciding import NOW, application, grant

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "upstreams.md").read_text("utf-8")
JWKS = msgspec.json.decode(jwks_document({"k1": PUBLIC_KEY}))
ISSUER = "https://api.example.org"


def token(private_key: bytes = PRIVATE_KEY, *, issuer: str = ISSUER, audience: str = "domain", now: int = NOW) -> str:
    signer = AssertionSigner(private_key, "k1", issuer)
    return signer.assertion(application(), grant("GET /me"), audience=audience, now=now).decode()


def altered(text: str, part: int) -> str:
    parts = text.split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    return ".".join(parts)


def unsigned(text: str) -> str:
    return "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ." + text.split(".")[1] + "."


BAD = {
    "an altered header": altered(token(), 0),
    "an altered account": altered(token(), 1),
    "an altered signature": altered(token(), 2),
    "no algorithm": unsigned(token()),
    "another key": token(bytes(range(1, 33))),
    "another issuer": token(issuer="https://evil.example"),
    "another audience": token(audience="other"),
    "an old one": token(now=NOW - 600),
    "nothing": "",
    "two parts": "a.b",
    "four parts": token() + ".x",
}


@pytest.fixture(scope="module")
def run_node(debian_program: Callable[[str], Path]) -> Callable[[str], str]:
    """Runs the recipe on one token; what it says."""
    node = debian_program("node")
    (recipe,) = re.findall(r"```js\n(.*?)```", GUIDE, flags=re.DOTALL)

    def run(text: str) -> str:
        options = json.dumps({"issuer": ISSUER, "audience": "domain", "now": NOW})
        call = f"verify({json.dumps(text)}, {json.dumps(JWKS)}, {options})"
        script = f"{recipe}\ntry {{ console.log(JSON.stringify({call})) }} catch (e) {{ console.log('refused') }}"
        return subprocess.run([str(node), "-e", script], capture_output=True, text=True, check=True).stdout.strip()

    return run


def test_the_recipe_reads_a_valid_assertion(run_node: Callable[[str], str]) -> None:
    claims = json.loads(run_node(token()))
    assert (claims["sub"], claims["application"], claims["credential"]) == ("ab1-example", 7, 11)


@pytest.mark.parametrize("name", BAD)
def test_the_recipe_refuses(run_node: Callable[[str], str], name: str) -> None:
    assert run_node(BAD[name]) == "refused"
