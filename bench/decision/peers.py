"""Libraries that many APIs verify requests with. Each verifies what it is made for, its key read beforehand.

They answer a smaller question than a decision: that a token or a request was signed. No clock of ours, no grant, no
rule, no canonical target.
"""

import datetime
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bench.decision.calls import ORIGIN
from bench.running import PeerMissing

_CLAIMS = {
    "iss": "https://issuer.example", "aud": "api", "sub": "customer-1000000", "client_id": "shop",
    "scope": "GET/domain/zone/*", "iat": int(time.time()), "exp": int(time.time()) + 86_400,
}  # fmt: skip
_URL = f"{ORIGIN}/1.0/domain/zone/example.org/record?fieldType=TXT"


def pyjwt_rs256() -> Callable[[], object]:
    """A token of RFC 7519 signed with RSA of 2,048 bits."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    return _pyjwt(rsa.generate_private_key(public_exponent=65_537, key_size=2_048), "RS256")


def pyjwt_es256() -> Callable[[], object]:
    """A token signed with ECDSA on P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return _pyjwt(ec.generate_private_key(ec.SECP256R1()), "ES256")


def joserfc_rs256() -> Callable[[], object]:
    """The same token, claims checked too."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415

    return _joserfc(RSAKey.generate_key(2_048), "RS256")


def joserfc_es256() -> Callable[[], object]:
    """The same with ECDSA."""
    from joserfc.jwk import ECKey  # noqa: PLC0415

    return _joserfc(ECKey.generate_key("P-256"), "ES256")


def oauthlib_hmac_sha1() -> Callable[[], object]:
    """OAuth 1 (RFC 5849): base string and HMAC of a signed GET; collecting its parameters included."""
    try:
        from oauthlib.common import Request  # noqa: PLC0415
        from oauthlib.oauth1 import Client  # noqa: PLC0415
        from oauthlib.oauth1.rfc5849 import signature  # noqa: PLC0415
    except ImportError as fault:
        raise PeerMissing(f"not installed ({fault.name})") from None
    keys = {"client_secret": "c" * 32, "resource_owner_secret": "r" * 32}
    client = Client("shop", resource_owner_key="token", client_secret=keys["client_secret"],
                    resource_owner_secret=keys["resource_owner_secret"])  # fmt: skip
    url, headers, _ = client.sign(_URL)

    def verify() -> bool:
        request = Request(url, http_method="GET", headers=headers)
        given = signature.collect_parameters(
            uri_query=request.uri_query, headers=headers, exclude_oauth_signature=False
        )
        request.params = [(name, value) for name, value in given if name != "oauth_signature"]
        request.signature = dict(given)["oauth_signature"]
        return bool(signature.verify_hmac_sha1(request, **keys))

    return _checked(verify)


def http_message_signature_hmac() -> Callable[[], object]:
    """RFC 9421 with HMAC-SHA-256 over method, authority and target."""
    try:
        import http_message_signatures as signatures  # noqa: PLC0415
    except ImportError as fault:
        raise PeerMissing(f"not installed ({fault.name})") from None

    class Keys(signatures.HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id: str) -> bytes:
            return b"k" * 32

        def resolve_private_key(self, key_id: str) -> bytes:
            return b"k" * 32

    message = SimpleNamespace(method="GET", url=_URL, headers={"Host": "api.example", "Accept": "*/*"})
    options: dict[str, Any] = {"signature_algorithm": signatures.algorithms.HMAC_SHA256, "key_resolver": Keys()}
    signer = signatures.HTTPMessageSigner(**options)
    signer.sign(message, key_id="shop", created=datetime.datetime.now(datetime.UTC))
    verifier = signatures.HTTPMessageVerifier(**options)
    return _checked(lambda: verifier.verify(message))


PEERS: dict[str, Callable[[], Callable[[], object]]] = {
    "PyJWT, RS256": pyjwt_rs256,
    "PyJWT, ES256": pyjwt_es256,
    "joserfc, RS256": joserfc_rs256,
    "joserfc, ES256": joserfc_es256,
    "oauthlib, OAuth 1 HMAC-SHA1": oauthlib_hmac_sha1,
    "http-message-signatures, RFC 9421 HMAC-SHA256": http_message_signature_hmac,
}


def _pyjwt(key: object, algorithm: str) -> Callable[[], object]:
    try:
        import jwt  # noqa: PLC0415
    except ImportError as fault:
        raise PeerMissing(f"not installed ({fault.name})") from None
    token, public = jwt.encode(_CLAIMS, key, algorithm=algorithm), key.public_key()  # type: ignore[arg-type, attr-defined]
    return _checked(lambda: jwt.decode(token, public, algorithms=[algorithm], audience="api"))


def _joserfc(key: object, algorithm: str) -> Callable[[], object]:
    from joserfc import jwt  # noqa: PLC0415

    token = jwt.encode({"alg": algorithm}, _CLAIMS, key, algorithms=[algorithm])  # type: ignore[arg-type]
    registry = jwt.JWTClaimsRegistry(aud={"essential": True, "value": "api"})

    def verify() -> bool:
        registry.validate(jwt.decode(token, key, algorithms=[algorithm]).claims)  # type: ignore[arg-type]
        return True

    return _checked(verify)


def _checked(verify: Callable[[], object]) -> Callable[[], object]:
    """A peer that does not accept what was signed for it is not measured."""
    if not verify():
        raise PeerMissing("refuses what was signed for it")
    return verify
