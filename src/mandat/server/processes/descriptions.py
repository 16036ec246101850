"""Fetches what the upstreams say about themselves and keeps the catalogue up to date.

A description that cannot be had leaves the previous one in place; without one, consent pages show the raw rule
(mandat.authority.wording).
"""

import asyncio
from collections.abc import Sequence

import httpx2
import structlog

from mandat.authority.catalogue import Catalogue
from mandat.protocol.strict_json import JsonFault, parse_json
from mandat.server.configuration.reading import UpstreamConfig

FIRST_RETRY_SECONDS = 0.5
AGAIN_SECONDS = 60.0
"""Descriptions change with deployments of the API; a minute is soon enough."""

MAX_DOCUMENT_BYTES = 8_388_608
"""OVHcloud's largest published section is about 5 MB."""

log = structlog.get_logger("descriptions")


def section_of(upstream: UpstreamConfig) -> str:
    """The section that describes the calls below its prefix: the first segment, as OVH cuts its API."""
    return upstream.prefix.split("/")[1]


async def keep_described(catalogue: Catalogue, upstreams: Sequence[UpstreamConfig]) -> None:
    """Fetches every description at once and then every AGAIN_SECONDS, until cancelled."""
    described = [upstream for upstream in upstreams if upstream.describes]
    pause = FIRST_RETRY_SECONDS
    async with httpx2.AsyncClient(timeout=10.0, trust_env=False) as client:
        while described:
            found = await asyncio.gather(*(_fetch(client, catalogue, upstream) for upstream in described))
            pause = AGAIN_SECONDS if all(found) else min(pause * 2, AGAIN_SECONDS)
            await asyncio.sleep(pause)


async def _fetch(client: httpx2.AsyncClient, catalogue: Catalogue, upstream: UpstreamConfig) -> bool:
    section = section_of(upstream)
    url = f"{upstream.url.rstrip('/')}/1.0/{section}.json"
    try:
        answer = await client.get(url)
        answer.raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL) as fault:
        log.info("no description yet", url=url, why=str(fault))
        return False
    document = JsonFault("too large") if len(answer.content) > MAX_DOCUMENT_BYTES else parse_json(answer.content)
    if not isinstance(document, dict):
        log.warning("description is not usable", url=url)
        return False
    catalogue.replace_source(upstream.prefix, {section: document})
    return True
