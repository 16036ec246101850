"""The database user of the gateways: six tables to read, nothing to write, and a sentence when that is not so."""

import pytest

from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.postgres.freshness import LeaseTerms
from mandat.storage.postgres.gateway_role import TABLES, check_gateway_role
from mandat.storage.postgres.grant_source import PostgresGrantSource
from mandat.storage.postgres.place import DatabaseRefused, parse_place
from support.storage import Scene, hash_of


@pytest.fixture
def reader(postgres, on_postgres, postgres_storage):
    postgres.execute("DROP ROLE IF EXISTS mandat_gateway")
    postgres.execute("CREATE ROLE mandat_gateway LOGIN")
    url = postgres.url(on_postgres.database, user="mandat_gateway")
    yield parse_place(url, setting="postgres.gateway_url")
    on_postgres.execute("DROP OWNED BY mandat_gateway")


def allow(on_postgres) -> None:
    on_postgres.execute(f"GRANT SELECT ON {', '.join(TABLES)} TO mandat_gateway")


async def test_with_the_rights_that_are_documented_a_gateway_finds_and_follows(on_postgres, reader, postgres_storage):
    allow(on_postgres)
    check_gateway_role(reader, on_postgres.place)
    scene, epochs = Scene(postgres_storage), iter(range(1, 1_000))
    application = await scene.application()
    credential = await scene.delegation(name="mine")
    waiting = await scene.ask(name="waiting")
    source = PostgresGrantSource(
        reader, on_postgres.node_keys, terms=LeaseTerms(), monotonic=lambda: 0.0, epoch=lambda: next(epochs)
    )
    assert (await source.find_application(application.key)).secrets
    assert (await source.find_grant(hash_of("mine key"))).credential_id == credential.id
    assert (await source.find_grant(waiting.consumer_key_hash)).credential_id == 0
    with pytest.raises(SourceUnavailable, match=r"permission denied|read-only"):
        await source._sessions.rows("DELETE FROM credentials")
    source.close()


def test_missing_rights_are_one_sentence_with_the_grant_in_it(on_postgres, reader):
    allow(on_postgres)
    on_postgres.execute("REVOKE SELECT ON application_secrets FROM mandat_gateway")
    with pytest.raises(DatabaseRefused) as refusal:
        check_gateway_role(reader, on_postgres.place)
    assert "may not read application_secrets in" in refusal.value.sentence
    assert f"GRANT SELECT ON {', '.join(TABLES)} TO mandat_gateway;" in refusal.value.sentence


def test_another_database_is_refused(on_postgres, reader, postgres):
    there = postgres.migrated_database()
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO mandat_gateway", database=there)
    other = parse_place(postgres.url(there, user="mandat_gateway"), setting="postgres.gateway_url")
    with pytest.raises(DatabaseRefused, match="names another database than `storage`"):
        check_gateway_role(other, on_postgres.place)
    postgres.drop(there)


def test_an_unknown_user_is_one_sentence_that_names_the_setting(on_postgres, postgres):
    nobody = parse_place(
        postgres.url(on_postgres.database, user="nobody"), password="geheim", setting="postgres.gateway_url"
    )
    with pytest.raises(DatabaseRefused, match=r"`postgres\.gateway_url` names it") as refusal:
        check_gateway_role(nobody, on_postgres.place)
    assert "geheim" not in refusal.value.sentence
