"""nginx: `auth_request` for calls without a body; calls with one go through the gateway, which sees it.

nginx does not show the body of a call to whom it asks, and knows of a refusal only 401 and 403; status and body of the
real one come as fields. The upstream gets `$request_uri`, the bytes that were judged, because `proxy_pass` has no path.
Source: the manual's pages on ngx_http_auth_request_module and ngx_http_proxy_module; tried with 1.22.
"""

from mandat.enforcement.forward_auth.door import REFUSAL, STATUS
from mandat.protocol.headers import QUERY_ID
from mandat.protocol.refusals import WORDINGS
from mandat.server.deployment.values import ANSWERED, COPIED, DROPPED, HIDDEN, Api, Deployment

_MALFORMED = (
    '{"class":"Client::BadRequest","message":"This request is malformed","errorCode":"BAD_REQUEST",'
    '"httpCode":"400 Bad Request"}'
)
_UNAVAILABLE = (
    '{"class":"Server::ServiceUnavailable","message":"No decision can be had, try again shortly",'
    '"errorCode":"SERVICE_UNAVAILABLE","httpCode":"503 Service Unavailable"}'
)


def render(deployment: Deployment) -> str:
    """A file to include in the `http` block."""
    servers = [("mandat_gateway", deployment.gateway), ("mandat_asked", deployment.asked)]
    servers += [(f"mandat_api_{api.name}", api.server) for api in deployment.apis]
    return f"""\
# Made by `mandat deploy nginx`. Include this file in the http block of nginx.
# The gateway's configuration needs this nginx in trusted_proxies, and in forward_auth.trusted_peers.

{"".join(_upstream(name, server) for name, server in servers)}
# nginx cannot show a body to whom it asks, and signatures cover bodies: calls with one go through the gateway.
map "$request_method $http_content_length;$http_transfer_encoding" $mandat_way {{
    default gateway;
    "~^(GET|HEAD|DELETE) 0*;$" asked;
}}

server {{
    listen {deployment.listen};
    client_max_body_size 0;              # the gateway has its own limit, and the wire's words for it
    large_client_header_buffers 4 16k;
    merge_slashes off;
    error_page 400 /_mandat/malformed;

    # Pages, the authority's API, descriptions, and everything that is not named below.
    location / {{
{_to_gateway()}    }}
    location ~ ^{deployment.own_pattern}(/|$) {{
{_to_gateway()}    }}
    location @mandat_gateway {{
{_to_gateway()}    }}
{"".join(_api(api) for api in deployment.apis)}
    location = /_mandat/ask {{
        internal;
        proxy_pass http://mandat_asked/;
        proxy_http_version 1.1;
        proxy_buffer_size 16k;           # a refusal comes as a field
        proxy_buffers 4 16k;
        proxy_busy_buffers_size 32k;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Connection "";
        proxy_set_header Host mandat;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Original-URI $request_uri;
        proxy_set_header X-Original-Host $http_host;
        proxy_set_header X-Original-Body "length=$http_content_length;coding=$http_transfer_encoding";
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
    # The refusal in the wire's words: nginx itself passes on neither status nor body.
    location @mandat_refused {{
        default_type "application/json; charset=utf-8";
        add_header {QUERY_ID} $mandat_query_id always;
        add_header Cache-Control "no-cache, no-store" always;
        add_header Access-Control-Allow-Origin * always;
        add_header Retry-After $mandat_retry always;
{_statuses()}        return 403 $mandat_refusal;
    }}
    location = /_mandat/malformed {{
        internal;
        default_type "application/json; charset=utf-8";
        return 400 '{_MALFORMED}';
    }}
    location @mandat_unavailable {{
        default_type "application/json; charset=utf-8";
        return 503 '{_UNAVAILABLE}';
    }}
}}
"""


def _upstream(name: str, server: str) -> str:
    return f"upstream {name} {{ server {server}; keepalive 32; }}\n"


def _to_gateway() -> str:
    return """\
        proxy_pass http://mandat_gateway;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host "";
"""


def _api(api: Api) -> str:
    copied = "".join(
        f"        auth_request_set {_variable(name)} $upstream_http_{name.lower().replace('-', '_')};\n"
        for name in (*COPIED, STATUS, REFUSAL)
    )
    passed = "".join(f"        proxy_set_header {name} {_variable(name)};\n" for name in COPIED)
    dropped = "".join(f'        proxy_set_header {name} "";\n' for name in DROPPED)
    hidden = "".join(f"        proxy_hide_header {name};\n" for name in HIDDEN)
    answered = "".join(f'        add_header {name} "{value}" always;\n' for name, value in ANSWERED)
    return f"""
    location ~ ^{api.pattern}(/|$) {{
        error_page 418 = @mandat_gateway;
        if ($mandat_way = gateway) {{ return 418; }}
        error_page 401 403 = @mandat_refused;
        error_page 500 = @mandat_unavailable;
        auth_request /_mandat/ask;
{copied}        auth_request_set $mandat_retry $upstream_http_retry_after;

        proxy_pass http://mandat_api_{api.name};
        proxy_http_version 1.1;
        proxy_pass_request_body off;     # what was judged had none
        proxy_set_header Content-Length "";
        proxy_set_header Connection "";
        proxy_set_header Host $proxy_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
{passed}{dropped}{hidden}{answered}        add_header {QUERY_ID} $mandat_query_id always;
    }}
"""


def _statuses() -> str:
    statuses = sorted({wording.status for wording in WORDINGS.values()} - {403})
    return "".join(
        f"        if ({_variable(STATUS)} = {status}) {{ return {status} $mandat_refusal; }}\n" for status in statuses
    )


def _variable(name: str) -> str:
    if name == QUERY_ID:
        return "$mandat_query_id"
    return "$" + name.lower().removeprefix("x-").replace("-", "_")
