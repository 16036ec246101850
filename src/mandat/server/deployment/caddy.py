"""Caddy: `forward_auth` for calls without a body; calls with one go through the gateway, which sees it.

Caddy does not show the body of a call to whom it asks. HTTP/2 calls may have one without saying so, so only HTTP/1.1
calls are asked about. The matchers look at the raw URI: Caddy's path matchers decode and ignore case.
Source: Caddy's documentation of `forward_auth`, `vars_regexp`, `header_regexp`; tried with 2.11.
"""

from mandat.protocol.headers import QUERY_ID
from mandat.server.deployment.values import ANSWERED, COPIED, DROPPED, HIDDEN, Api, Deployment


def render(deployment: Deployment) -> str:
    """A site block for the Caddyfile."""
    host = "" if deployment.listen.startswith(("0.0.0.0:", "[::]:")) else deployment.listen.rpartition(":")[0]
    bind = f"\tbind {host.strip('[]')}\n" if host else ""
    return f"""\
# Made by `mandat deploy caddy`. Put your host name in place of the port to have Caddy fetch a certificate.
# The gateway's configuration needs this Caddy in trusted_proxies, and in forward_auth.trusted_peers.

http://:{deployment.listen_port} {{
{bind}	# What only the gateway answers, though an API's prefix may cover it.
	@mandat_own vars_regexp {{http.request.uri}} ^{deployment.own_pattern}([/?]|$)
{"".join(_matcher(api) for api in deployment.apis)}
	route {{
		handle @mandat_own {{
			reverse_proxy {deployment.gateway}
		}}
{"".join(_api(api, deployment.asked) for api in deployment.apis)}\
		# Pages, descriptions, calls with a body, and everything that is not named above.
		handle {{
			reverse_proxy {deployment.gateway}
		}}
	}}
}}
"""


def _matcher(api: Api) -> str:
    return f"""\
	@mandat_{api.name} {{
		method GET HEAD DELETE
		vars_regexp {{http.request.uri}} ^{api.pattern}([/?]|$)
		not header_regexp Content-Length [^0]
		not header Transfer-Encoding *
		not protocol http/2+
	}}
"""


def _api(api: Api, asked: str) -> str:
    starts = ("X-Mandat-", "X-Original-", "X_Mandat", "X.Mandat")
    cleaned = "".join(f"\t\t\t\trequest_header -{start}*\n" for start in starts)
    dropped = "".join(f"\t\t\t\trequest_header -{name}\n" for name in DROPPED)
    # Caddy deletes after it sets, so what is set is not deleted as well.
    own = {QUERY_ID, *(name for name, _ in ANSWERED)}
    hidden = "".join(f"\t\t\t\t\theader_down -{name}\n" for name in HIDDEN if name not in own)
    answered = "".join(f'\t\t\t\t\theader_down {name} "{value}"\n' for name, value in ANSWERED)
    return f"""\
		handle @mandat_{api.name} {{
			route {{
				# What only this proxy may say, in whatever spelling; and what could remove it again.
				request_header -Connection
{cleaned}				forward_auth {asked} {{
					uri /
					header_up X-Original-Body "length={{http.request.header.Content-Length}};coding="
					copy_headers {" ".join(COPIED)}
				}}
{dropped}				reverse_proxy {api.server} {{
{hidden}{answered}					header_down {QUERY_ID} {{http.request.header.{QUERY_ID}}}
				}}
			}}
		}}
"""
