"""The store: keys open for their owner only, states change along the table only, failures come out as one kind."""

import pytest
from sqlalchemy import text, update

from doubles.nature import SetClock
from doubles.zone_provider import ZoneProvider
from mandat.marketplace.stacks.shelf import Shelf
from mandat.marketplace.states import STARTS_AN_ATTEMPT, TRANSITIONS, Event, State
from mandat.marketplace.store.database import StoreUnavailable
from mandat.marketplace.store.schema import connections, installations
from mandat.marketplace.store.values import Problem, ProblemKind
from mandat.marketplace.store.vault import Vault, VaultBroken
from mandat.marketplace.wiring import Marketplace
from marketplace.shop import Shop


def test_a_key_opens_for_its_owner_only(shop: Shop, provider: ZoneProvider) -> None:
    carol, dave = shop.log_in("carol"), shop.log_in("dave")
    installation = shop.confirm(carol, shop.order(carol))
    connection_id = installation.connection_id or 0
    key = shop.books.permissions.open_key(carol.user_id, connection_id)
    assert key == provider.delegations[0].consumer_key
    with pytest.raises(LookupError):
        shop.books.permissions.open_key(dave.user_id, connection_id)


def test_a_sealed_key_moved_to_another_row_does_not_open(shop: Shop) -> None:
    carol, dave = shop.log_in("carol"), shop.log_in("dave")
    first = shop.confirm(carol, shop.order(carol))
    shop.confirm(dave, shop.order(dave))
    with shop.marketplace.database.writing() as connection:
        connection.execute(
            update(connections).where(connections.c.id == first.connection_id).values(user_id=dave.user_id)
        )
    with pytest.raises(VaultBroken):
        shop.books.permissions.open_key(dave.user_id, first.connection_id or 0)


def test_no_key_is_in_the_files(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    shop.installed(session)
    shop.order(session)
    keys = [delegation.consumer_key.encode() for delegation in provider.delegations]
    assert len(keys) == 2
    for file in shop.site.settings.folder.iterdir():
        content = file.read_bytes()
        assert not any(key in content for key in keys)


def test_a_seal_says_what_it_belongs_to() -> None:
    vault = Vault(b"k" * 32, entropy=lambda size: b"n" * size)
    sealed = vault.seal("secret", "a", 1)
    assert vault.open(sealed, "a", 1) == "secret"
    for other in (("a", 2), ("a", "1"), ("a1",), ()):
        with pytest.raises(VaultBroken):
            vault.open(sealed, *other)
    with pytest.raises(VaultBroken):
        vault.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "a", 1)
    with pytest.raises(VaultBroken):
        vault.open(b"", "a", 1)


@pytest.mark.parametrize("state", State)
def test_states_change_along_the_table_and_nowhere_else(shop: Shop, clock: SetClock, state: State) -> None:
    sent = shop.order(shop.log_in())
    for event in Event:
        with shop.marketplace.database.writing() as connection:
            connection.execute(update(installations).values(state=state.value, attempt=3))
        target = shop.books.installations.change(sent.installation_id, event, at=clock())
        after = shop.get(sent.installation_id)
        assert target == TRANSITIONS.get((state, event)), event
        assert after.state is (target or state), event
        assert after.attempt == (4 if target and event in STARTS_AN_ATTEMPT else 3), event


def test_news_of_another_attempt_changes_nothing(shop: Shop, clock: SetClock) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    problem = Problem(ProblemKind.STEP_REFUSED, "x")
    store = shop.books.installations
    assert store.change(running.id, Event.BROKE, at=clock(), attempt=running.attempt - 1, problem=problem) is None
    assert store.change(running.id, Event.BROKE, at=clock(), attempt=running.attempt, problem=problem) is State.FAILED
    assert shop.get(running.id).problem == problem


def test_a_step_that_is_done_stays_done(shop: Shop, clock: SetClock) -> None:
    installation = shop.installed(shop.log_in())
    store = shop.books.installations
    store.start_step(installation.id, "add-mx", at=clock())
    store.pause_step(installation.id, "add-mx", query_id=None, at=clock())
    store.finish_step(installation.id, "add-mx", outputs={"recordId": 1}, query_id=None, at=clock())
    record = next(each for each in store.list_steps(installation.id) if each.step_id == "add-mx")
    assert (record.state.value, record.outputs) == ("done", {"recordId": 2**40})


def test_what_the_driver_raises_comes_out_as_unavailable(marketplace: Marketplace) -> None:
    with pytest.raises(StoreUnavailable), marketplace.database.reading() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(StoreUnavailable), marketplace.database.writing() as connection:
        connection.execute(text("DELETE FROM nowhere"))


def test_a_write_that_fails_half_way_leaves_nothing(marketplace: Marketplace) -> None:
    people = marketplace.site.membership
    with pytest.raises(RuntimeError), marketplace.database.writing() as connection:
        connection.execute(text("INSERT INTO users (login, password_hash, at) VALUES ('x', 'y', 1)"))
        raise RuntimeError
    with marketplace.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar() == 0
    assert people.find_visitor("") is None


def test_an_old_stack_document_is_kept_for_its_installations(shop: Shop) -> None:
    installation = shop.installed(shop.log_in())
    newer = Shelf([], source_of=shop.books.installations.source_of)
    stack = newer.get_ordered(installation.stack_id, installation.digest)
    assert newer.find_offered(installation.stack_id) is None
    assert stack == shop.stack
