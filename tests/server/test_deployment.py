"""What `mandat deploy` prints: filled from the configuration, and refused when that does not fit.

That the real proxies do what is meant is shown in tests/doors and tests/server/test_forward_auth.py.
"""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mandat.cli.main import run
from mandat.enforcement.forward_auth.styles import STYLES
from mandat.server.deployment.rendering import TEMPLATES, render_deployment
from mandat.server.problems import Problem

APIS = """[[upstream]]
prefix = "/domain"
url = "http://10.0.0.1:8080"
[[upstream]]
prefix = "/domain/zone"
url = "http://[fd00::2]"
[[upstream]]
prefix = "/v2/iam"
url = "http://10.0.0.3"
"""


def configured(folder: Path, style: str, *, more: str = APIS) -> Path:
    file = folder / "mandat.toml"
    file.write_text(
        'listen = "0.0.0.0:8700"\npublic_urls = ["https://api.example"]\n[forward_auth]\nlisten = "127.0.0.1:8705"\n'
        f'trusted_peers = ["127.0.0.1"]\nstyle = "{style}"\n{more}'
    )
    return file


def test_there_is_a_configuration_for_every_style() -> None:
    assert set(TEMPLATES) == set(STYLES)


@pytest.mark.parametrize("style", TEMPLATES)
def test_every_address_of_ours_is_filled_in(tmp_path: Path, style: str) -> None:
    text = render_deployment(style, configured(tmp_path, style), listen="0.0.0.0:8080")
    for part in ("8080", "8700", "8705", "10.0.0.1", "fd00::2", "10.0.0.3"):
        assert part in text
    assert "0.0.0.0:8700" not in text, "nobody can connect to that"


@pytest.mark.parametrize("style", TEMPLATES)
def test_longer_prefixes_come_first(tmp_path: Path, style: str) -> None:
    text = render_deployment(style, configured(tmp_path, style), listen="0.0.0.0:8080")
    assert text.index("/domain/zone") < text.replace("/domain/zone", "#" * 12).index("/domain")


def test_what_traefik_reads_is_yaml_and_passes_bodies(tmp_path: Path) -> None:
    text = render_deployment("traefik", configured(tmp_path, "traefik"), listen="0.0.0.0:8080")
    http: dict[str, Any] = YAML(typ="safe").load(text)["http"]
    ask = http["middlewares"]["mandat-ask"]["forwardAuth"]
    assert (ask["forwardBody"], ask["trustForwardHeader"]) == (True, False)
    assert "X-Mandat-Assertion" in ask["authResponseHeaders"]
    dropped = http["middlewares"]["mandat-drop"]["headers"]["customRequestHeaders"]
    assert {"X-Ovh-Signature", "Cookie", "Authorization"} <= set(dropped)
    for name, router in http["routers"].items():
        assert router["service"] in http["services"], name
        is_api = "domain" in name or "iam" in name
        assert router.get("middlewares", []) == (["mandat-ask", "mandat-drop"] if is_api else [])


@pytest.mark.parametrize(
    ("style", "more", "says"),
    [("caddy", APIS, 'style is "caddy"; set it to "nginx"'), ("nginx", "", "There is no \\[\\[upstream\\]\\]")],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path, style: str, more: str, says: str) -> None:
    with pytest.raises(Problem, match=says):
        render_deployment("nginx", configured(tmp_path, style, more=more), listen="0.0.0.0:80")


def test_names_are_fit_for_every_proxy_and_differ(tmp_path: Path) -> None:
    more = "".join(f'[[upstream]]\nprefix = "/{name}"\nurl = "http://10.0.0.1"\n' for name in ("a-b", "a.b", "a_b"))
    text = render_deployment("nginx", configured(tmp_path, "nginx", more=more), listen="0.0.0.0:80")
    for name in ("a_b", "a_b_1", "a_b_2"):
        assert f"upstream mandat_api_{name} {{" in text


def test_without_a_listener_there_is_nothing_to_print(tmp_path: Path) -> None:
    file = tmp_path / "mandat.toml"
    file.write_text('public_urls = ["https://api.example"]\n' + APIS)
    with pytest.raises(Problem, match=r"forward_auth\.listen is not set"):
        render_deployment("nginx", file, listen="0.0.0.0:80")


def test_the_command_prints_it_and_names_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(configured(tmp_path, "nginx"))
    assert run(["deploy", "nginx", "--config", file]) == 0
    assert "auth_request /_mandat/ask;" in capsys.readouterr().out
    assert run(["deploy", "nginx", "--config", file, "--listen", "80"]) == 1
    assert "HOST:PORT" in capsys.readouterr().err
    assert run(["deploy", "apache", "--config", file]) == 2
