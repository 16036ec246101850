"""Traefik (3.3 and later): `forwardAuth` with `forwardBody`, so every call can be asked about.

Not tested: no binary of Traefik could be had where Mandat is built. Written after its documentation of ForwardAuth
(`forwardBody`, `maxBodySize`, `authResponseHeaders`) and Headers (`customRequestHeaders`).
"""

from mandat.protocol.headers import QUERY_ID
from mandat.server.deployment.values import ANSWERED, COPIED, DROPPED, HIDDEN, Api, Deployment


def render(deployment: Deployment) -> str:
    """A dynamic configuration for the file provider."""
    dropped = "".join(f'          {name}: ""\n' for name in DROPPED)
    answered = "".join(f'          {name}: "{value}"\n' for name, value in ANSWERED)
    answered += "".join(f'          {name}: ""\n' for name in HIDDEN if name not in dict(ANSWERED) and name != QUERY_ID)
    return f"""\
# Made by `mandat deploy traefik`: dynamic configuration for the file provider. NOT TESTED with a real Traefik.
# The gateway's configuration needs this Traefik in trusted_proxies, and in forward_auth.trusted_peers.
# In the static configuration: an entry point named mandat on {deployment.listen}, and no forwardedHeaders.insecure.
# Keep forwardBody: without it a body would pass unseen, and Traefik does not say that there was one.
http:
  middlewares:
    mandat-ask:
      forwardAuth:
        address: "http://{deployment.asked}/"
        trustForwardHeader: false
        forwardBody: true
        maxBodySize: {deployment.max_body_bytes + 1}
        authResponseHeaders: [{", ".join(COPIED)}]
    mandat-drop:
      headers:
        customRequestHeaders:
{dropped}        customResponseHeaders:
{answered}  routers:
    mandat-own:
      entryPoints: [mandat]
      rule: 'PathRegexp(`^{deployment.own_pattern}(/|$)`)'
      priority: 1000
      service: mandat-gateway
    mandat-preflight:
      entryPoints: [mandat]
      rule: 'Method(`OPTIONS`)'
      priority: 1001
      service: mandat-gateway
    mandat-rest:
      entryPoints: [mandat]
      rule: 'PathPrefix(`/`)'
      priority: 1
      service: mandat-gateway
{"".join(_router(api, priority=900 - index) for index, api in enumerate(deployment.apis))}\
  services:
    mandat-gateway: {{loadBalancer: {{servers: [{{url: "http://{deployment.gateway}"}}]}}}}
{"".join(_service(api) for api in deployment.apis)}"""


def _router(api: Api, *, priority: int) -> str:
    return f"""\
    mandat-{api.name}:
      entryPoints: [mandat]
      rule: 'PathRegexp(`^{api.pattern}(/|$)`)'
      priority: {priority}
      middlewares: [mandat-ask, mandat-drop]
      service: mandat-{api.name}
"""


def _service(api: Api) -> str:
    return f'    mandat-{api.name}: {{loadBalancer: {{servers: [{{url: "http://{api.server}"}}]}}}}\n'
