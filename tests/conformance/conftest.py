"""What the tests with other people's clients share: keys in every condition, the DNS server's view, where clients look.

No client is changed. Where one knows only names of endpoints, the demo's address is put under a name, as an operator
would do it (docs/guide/real-clients.md).
"""

import os
import time
from collections.abc import Iterator

import dns.message
import dns.query
import dns.rdatatype
import lexicon._private.providers.ovh
import ovh.client
import pytest

from support.acme import Acme, running_pebble
from support.client_keys import KeyRing, Lookup
from support.demo import Demo
from support.tunnel import HOSTS, tunnel_to

# dns-lexicon asks the Internet for a fresh list of public suffixes, else takes its own; the variable is read on import.
os.environ.setdefault("TLDEXTRACT_CACHE_TIMEOUT", "1")


@pytest.fixture(scope="session")
def keys(demo: Demo) -> KeyRing:
    return KeyRing(demo)


@pytest.fixture
def lookup(demo: Demo) -> Lookup:
    """Asks the demo's DNS server: the values of a name, sorted, as zone file text."""
    host, port = demo.dns

    def ask(name: str, kind: str) -> list[str]:
        query = dns.message.make_query(name, kind)
        answer = dns.query.udp_with_fallback(query, host, port=port, timeout=5)[0]
        wanted = dns.rdatatype.from_text(kind)
        return sorted(data.to_text() for found in answer.answer if found.rdtype == wanted for data in found)

    return ask


@pytest.fixture(scope="session")
def named_endpoint(demo: Demo) -> Iterator[str]:
    """A name under which python-ovh and those who use it find the demo."""
    ovh.client.ENDPOINTS["mandat"] = demo.endpoint
    yield "mandat"
    del ovh.client.ENDPOINTS["mandat"]


@pytest.fixture(scope="session")
def lexicon_endpoint(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A name under which dns-lexicon and certbot find the demo; they accept only names they know."""
    endpoints = lexicon._private.providers.ovh.ENDPOINTS
    usual = endpoints["ovh-eu"]
    endpoints["ovh-eu"] = demo.endpoint
    os.environ["TLDEXTRACT_CACHE_PATH"] = str(tmp_path_factory.mktemp("tld"))
    yield "ovh-eu"
    del os.environ["TLDEXTRACT_CACHE_PATH"]
    endpoints["ovh-eu"] = usual


@pytest.fixture
def unique() -> str:
    """A label that no other test uses."""
    return f"t{time.time_ns():x}"


@pytest.fixture(scope="session")
def acme(demo: Demo, debian_program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """A certificate authority that asks the demo's DNS server."""
    with running_pebble(debian_program("pebble"), tmp_path_factory.mktemp("pebble"), dns=demo.dns) as running:
        yield running


@pytest.fixture(scope="session")
def tunnel(demo: Demo) -> Iterator[str]:
    """A proxy that leads OVHcloud's host names to the demo, for clients that know no others."""
    missing = {f"https://{host}" for host in HOSTS} - set(demo.public_urls)
    if missing:
        pytest.skip(f"NOT TESTED: the running demo was started without --public-url {' '.join(sorted(missing))}")
    with tunnel_to(demo.tls_port) as url:
        yield url
