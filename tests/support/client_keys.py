"""Keys in every condition: good, for something else, with a wrong secret, taken back, not answered yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mandat.client import Client
from support.demo import Demo

DNS_RULES = [
    ("GET", "/domain/*"),
    ("POST", "/domain/*"),
    ("PUT", "/domain/*"),
    ("DELETE", "/domain/*"),
]
"""What dns-lexicon's documentation asks for."""

Lookup = Callable[[str, str], list[str]]


@dataclass(frozen=True)
class Keys:
    """The three keys of a client."""

    application_key: str
    application_secret: str
    consumer_key: str


class KeyRing:
    """Makes keys that work, and keys that do not work any more or not for this."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    def granted(self, rules: Sequence[tuple[str, str]] = DNS_RULES) -> Keys:
        """Confirmed by the customer who owns the zones."""
        return self._keys(self._demo.grant(list(rules)))

    def ungranted(self) -> Keys:
        """Confirmed, but for something else."""
        return self.granted([("GET", "/me")])

    def wrong_secret(self) -> Keys:
        """Confirmed, used by somebody who does not have the application secret."""
        good = self.granted()
        return Keys(good.application_key, good.application_secret[::-1], good.consumer_key)

    def revoked(self, rules: Sequence[tuple[str, str]] = DNS_RULES) -> Keys:
        """Confirmed, used, and taken back by the customer."""
        good = self.granted(rules)
        credential = self.client(good).get("/auth/currentCredential")["credentialId"]
        customer = self.client(self.granted([("DELETE", "/me/api/credential/*")]))
        customer.delete(f"/me/api/credential/{credential}")
        return good

    def pending(self) -> Keys:
        """Asked for, not answered."""
        return self._keys(self._demo.client().request_permission(["GET /me"]).consumer_key)

    def client(self, keys: Keys) -> Client:
        """Our own SDK with these keys."""
        return self._demo.client(keys.consumer_key)

    def _keys(self, consumer_key: str) -> Keys:
        return Keys(self._demo.application_key, self._demo.application_secret, consumer_key)
