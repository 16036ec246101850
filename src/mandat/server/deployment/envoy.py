"""Envoy: `ext_authz` over HTTP with the request's body, so every call can be asked about.

The path goes on as it was sent (no normalisation), fields with underscores are dropped, and what only this proxy may
say is removed before the question and set from its answer.
Source: Envoy's documentation of ext_authz, header_mutation and the connection manager; tried with 1.40.
"""

from mandat.protocol.headers import QUERY_ID
from mandat.server.configuration.addresses import split_address
from mandat.server.deployment.values import ANSWERED, COPIED, DROPPED, HIDDEN, Api, Deployment

_TYPES = "type.googleapis.com/envoy.extensions"
_ANSWERED = (
    QUERY_ID,
    "Content-Type",
    "Cache-Control",
    "Retry-After",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "X-Content-Type-Options",
    "Content-Security-Policy",
)


def render(deployment: Deployment) -> str:
    """A whole static configuration."""
    host, port = split_address(deployment.listen)
    clusters = [("mandat_gateway", deployment.gateway), ("mandat_asked", deployment.asked)]
    clusters += [(f"mandat_api_{api.name}", api.server) for api in deployment.apis]
    return f"""\
# Made by `mandat deploy envoy`: a whole static configuration. Start: envoy -c FILE
# The gateway's configuration needs this Envoy in trusted_proxies, and in forward_auth.trusted_peers.
static_resources:
  listeners:
  - name: mandat
    address: {{socket_address: {{address: "{host}", port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: mandat
          use_remote_address: true
          # What was judged must be what is sent on: nothing is decoded, joined or shortened.
          normalize_path: false
          merge_slashes: false
          path_with_escaped_slashes_action: KEEP_UNCHANGED
          http_protocol_options: {{allow_absolute_url: false}}
          # Servers that export fields as variables cannot tell X_Mandat_Account from X-Mandat-Account.
          common_http_protocol_options: {{headers_with_underscores_action: DROP_HEADER}}
          # A body over ext_authz's limit, in the wire's words.
          local_reply_config:
            mappers:
            - filter:
                status_code_filter: {{comparison: {{op: EQ, value: {{default_value: 413, runtime_key: mandat_413}}}}}}
              body_format_override:
                json_format:
                  class: "Client::RequestEntityTooLarge"
                  message: "This body is too large"
                  errorCode: BODY_TOO_LARGE
                  httpCode: "413 Request Entity Too Large"
          http_filters:
          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": {_TYPES}.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
{"".join(f"                - remove: {name.lower()}{chr(10)}" for name in COPIED)}\
                - append:
                    header:
                      key: x-original-body
                      value: "length=%REQ(content-length)%;coding=%REQ(transfer-encoding)%"
                    append_action: OVERWRITE_IF_EXISTS_OR_ADD
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": {_TYPES}.filters.http.ext_authz.v3.ExtAuthz
              failure_mode_allow: false
              status_on_error: {{code: ServiceUnavailable}}
              with_request_body: {{max_request_bytes: {deployment.max_body_bytes + 1}, allow_partial_message: false}}
              allowed_headers: {{patterns: [{{safe_regex: {{regex: ".*"}}}}]}}
              http_service:
                server_uri: {{uri: "http://{deployment.asked}", cluster: mandat_asked, timeout: 10s}}
                authorization_response:
                  allowed_upstream_headers: {{patterns: [{_patterns(COPIED)}]}}
                  allowed_client_headers: {{patterns: [{_patterns(_ANSWERED)}]}}
                  allowed_client_headers_on_success: {{patterns: [{_patterns((QUERY_ID,))}]}}
          - name: envoy.filters.http.router
            typed_config: {{"@type": {_TYPES}.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: mandat
              domains: ["*"]
              routes:
              # What only the gateway answers, though an API's prefix may cover it; and pre-flight requests.
              - match: {{safe_regex: {{regex: '{deployment.own_pattern}(/.*)?'}}}}
{_to_gateway()}
              - match: {{prefix: "/", headers: [{{name: ":method", string_match: {{exact: OPTIONS}}}}]}}
{_to_gateway()}
{"".join(_route(api) for api in deployment.apis)}\
              # Pages, descriptions, and everything that is not named above.
              - match: {{prefix: "/"}}
{_to_gateway()}
  clusters:
{"".join(_cluster(name, server) for name, server in clusters)}"""


def _to_gateway() -> str:
    return f"""\
                route: {{cluster: mandat_gateway, timeout: 60s}}
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    "@type": {_TYPES}.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    disabled: true"""


def _route(api: Api) -> str:
    hidden = ", ".join(name.lower() for name in HIDDEN)
    answered = "".join(
        f"""\
                - header: {{key: {name.lower()}, value: "{value}"}}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
"""
        for name, value in ANSWERED
    )
    dropped = ", ".join(name.lower() for name in DROPPED)
    return f"""\
              - match: {{safe_regex: {{regex: '{api.pattern}(/.*)?'}}}}
                route: {{cluster: mandat_api_{api.name}, timeout: 60s}}
                request_headers_to_remove: [{dropped}]
                response_headers_to_remove: [{hidden}]
                response_headers_to_add:
{answered}"""


def _patterns(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{exact: {name.lower()}, ignore_case: true}}" for name in names)


def _cluster(name: str, server: str) -> str:
    host, port = split_address(server)
    return f"""\
  - name: {name}
    type: STRICT_DNS
    connect_timeout: 5s
    load_assignment:
      cluster_name: {name}
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: "{host}", port_value: {port}}}}}}}
"""
