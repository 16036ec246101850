"""certbot's OVH plugin, unchanged, against a running system: perform and cleanup of its authenticator."""

import argparse
import sys
from pathlib import Path

import josepy
import pytest
from acme import challenges, messages
from certbot import errors
from certbot._internal.display import obj as display
from certbot.achallenges import KeyAuthorizationAnnotatedChallenge
from certbot.configuration import NamespaceConfig
from certbot_dns_ovh._internal.dns_ovh import Authenticator
from cryptography.hazmat.primitives.asymmetric import rsa

from support.client_keys import KeyRing, Keys, Lookup

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore:Module lexicon:DeprecationWarning")]
DOMAIN = "deep.name.example.org"


@pytest.fixture
def authenticate(lexicon_endpoint: str, tmp_path: Path):
    """Builds the authenticator as `certbot --authenticator dns-ovh --dns-ovh-credentials FILE` does."""
    display.set_display(display.NoninteractiveDisplay(sys.stdout))

    def make(keys: Keys) -> Authenticator:
        credentials = tmp_path / "credentials.ini"
        credentials.write_text(
            f"dns_ovh_endpoint = {lexicon_endpoint}\n"
            f"dns_ovh_application_key = {keys.application_key}\n"
            f"dns_ovh_application_secret = {keys.application_secret}\n"
            f"dns_ovh_consumer_key = {keys.consumer_key}\n"
        )
        credentials.chmod(0o600)
        options = argparse.Namespace(
            dns_ovh_credentials=str(credentials),
            dns_ovh_propagation_seconds=0,
            config_dir=str(tmp_path / "config"),
            work_dir=str(tmp_path / "work"),
            logs_dir=str(tmp_path / "logs"),
            http01_port=80,
            https_port=443,
            domains=[],
        )
        return Authenticator(NamespaceConfig(options), "dns-ovh")

    return make


@pytest.fixture
def challenge() -> KeyAuthorizationAnnotatedChallenge:
    account_key = josepy.JWKRSA(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    body = messages.ChallengeBody(chall=challenges.DNS01(token=b"t" * 32), uri="https://ca.test/1", status="pending")
    identifier = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=DOMAIN)
    return KeyAuthorizationAnnotatedChallenge(challb=body, identifier=identifier, account_key=account_key)


def test_perform_puts_the_challenge_into_the_dns_and_cleanup_takes_it_out(
    authenticate, challenge: KeyAuthorizationAnnotatedChallenge, keys: KeyRing, lookup: Lookup
) -> None:
    authenticator = authenticate(keys.granted())
    authenticator.perform([challenge])
    expected = f'"{challenge.validation(challenge.account_key)}"'
    assert lookup(f"_acme-challenge.{DOMAIN}", "TXT") == [expected]
    authenticator.cleanup([challenge])
    assert lookup(f"_acme-challenge.{DOMAIN}", "TXT") == []


def test_an_ungranted_key_hints_at_the_keys(authenticate, challenge, keys: KeyRing) -> None:
    with pytest.raises(errors.PluginError, match="Are your Application Key and Consumer Key values correct"):
        authenticate(keys.ungranted()).perform([challenge])


def test_a_wrong_secret_hints_at_the_secret(authenticate, challenge, keys: KeyRing) -> None:
    with pytest.raises(errors.PluginError, match="Is your Application Secret value correct"):
        authenticate(keys.wrong_secret()).perform([challenge])


def test_a_revoked_key_hints_at_the_keys(authenticate, challenge, keys: KeyRing) -> None:
    with pytest.raises(errors.PluginError, match="Are your Application Key and Consumer Key values correct"):
        authenticate(keys.revoked()).perform([challenge])
