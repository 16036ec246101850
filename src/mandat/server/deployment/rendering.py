"""Fills the configuration of a proxy from a configuration file of ours. The texts are in `templates`, one for each.

What a template says of its proxy was tried with nginx 1.22, Caddy 2.11 and Envoy 1.40 (tests/doors). Traefik's was
written after its documentation of ForwardAuth (`forwardBody`, `maxBodySize`, `authResponseHeaders`) and Headers: no
binary could be had. Source: the manuals' pages on auth_request and proxy_module (nginx), forward_auth, vars_regexp and
header_regexp (Caddy), ext_authz, header_mutation and the connection manager (Envoy).
"""

from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mandat.enforcement.forward_auth.door import REFUSAL, STATUS
from mandat.protocol.headers import QUERY_ID
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields
from mandat.server.configuration.reading import load_config
from mandat.server.deployment.values import ANSWERED, COPIED, DROPPED, HIDDEN, Deployment, deployment_of

TEMPLATES: Final = {
    "nginx": "nginx.conf.j2",
    "caddy": "Caddyfile.j2",
    "envoy": "envoy.yaml.j2",
    "traefik": "traefik.yaml.j2",
}
"""By the names of `forward_auth.style`."""


def render_deployment(style: str, config_file: Path, *, listen: str) -> str:
    """What the proxy's operator includes or starts it with.

    Args:
        style: a key of TEMPLATES.
        config_file: ours.
        listen: where the proxy is to listen, HOST:PORT.

    Raises:
        Problem: our configuration cannot be read, or does not fit.
    """
    return render(style, deployment_of(load_config(config_file), listen=listen, style=style))


def render(style: str, deployment: Deployment) -> str:
    """The configuration of the proxy of that style; `style` is a key of TEMPLATES."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 no page: what is filled in is the operator's own
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["variable"] = nginx_variable
    return environment.get_template(TEMPLATES[style]).render(
        to=deployment,
        copied=COPIED,
        dropped=DROPPED,
        hidden=HIDDEN,
        answered=ANSWERED,
        query_id=QUERY_ID,
        status_field=STATUS,
        refusal_field=REFUSAL,
        other_statuses=sorted({wording.status for wording in WORDINGS.values()} - {403}),
        malformed=_body(Reason.MALFORMED_REQUEST),
        unavailable=_body(Reason.STORAGE_UNAVAILABLE, "No decision can be had, try again shortly"),
    )


def nginx_variable(field: str) -> str:
    """The nginx variable that keeps a header field of the answer to a question."""
    if field == QUERY_ID:
        return "$mandat_query_id"
    return "$" + field.lower().removeprefix("x-").replace("-", "_")


def _body(reason: Reason, message: str | None = None) -> str:
    return msgspec.json.encode(refusal_fields(reason, message=message)).decode()
