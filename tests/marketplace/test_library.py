"""Every stack that comes with the marketplace: installs, is as narrow as it says, and leaves nothing behind."""

import pytest
from ruamel.yaml import YAML

from doubles.zone_provider import PROJECT, ZoneProvider
from mandat.marketplace.installs.health import why_not
from mandat.marketplace.stacks.inputs import Misfit, check_typed
from mandat.marketplace.stacks.shelf import read_library
from mandat.marketplace.states import State
from mandat.marketplace.store.values import Installation, ProblemKind
from marketplace.shop import MemoryJournal, Shop

pytestmark = pytest.mark.slow

TYPED = {
    "zone": "example.org",
    "project": PROJECT,
    "goal": "https://example.com/spring",
    "code": "rXOxyZounnZasA8Z7oaD3c14JdjS9a",
}
STACKS = {f"{stack.id}@{stack.version}": stack for stack in read_library()}
NEWEST = {stack.id: stack for stack in sorted(STACKS.values(), key=lambda stack: stack.number)}
WITH_SERVER = sorted(name for name, stack in STACKS.items() if stack.health is not None)


def typed_for(stack_id: str) -> dict[str, str]:
    stack = STACKS.get(stack_id) or NEWEST[stack_id]
    return {field.name: TYPED[field.name] for field in stack.inputs.fields if field.required}


def start(shop: Shop, stack_id: str, **typed: str) -> Installation:
    session = shop.log_in()
    return shop.confirm(session, shop.order_stack(session, stack_id, typed_for(stack_id) | typed))


def test_there_are_at_least_five() -> None:
    assert len(NEWEST) >= 5


@pytest.mark.parametrize("stack_id", sorted(STACKS))
def test_it_installs_and_uninstalls_without_a_trace(shop: Shop, provider: ZoneProvider, stack_id: str) -> None:
    installation = shop.run(start(shop, stack_id))
    assert installation.state is State.INSTALLED, installation.problem
    made = sum(step.creation is not None for step in STACKS[stack_id].install)
    assert len(provider.records) + len(provider.instances) == made
    assert provider.published == provider.records
    assert shop.remove(shop.log_in(), installation).state is State.REMOVED
    assert provider.records == provider.published == [] and provider.instances == {}


@pytest.mark.parametrize("stack_id", sorted(STACKS))
def test_each_derived_rule_is_needed_and_breaks_at_the_predicted_step(
    shop: Shop, provider: ZoneProvider, stack_id: str
) -> None:
    order = [step.id for step in STACKS[stack_id].install]
    number = 0
    while True:
        running = start(shop, stack_id)
        rules = provider.delegations[-1].rules
        if number == len(rules):
            break
        method, path = rules.pop(number)
        stopped = shop.run(running)
        assert stopped.state is State.NEEDS_PERMISSION
        assert stopped.problem is not None and stopped.problem.step_id is not None
        if path == "/me":
            assert stopped.problem.step_id == "_account"
        else:
            step = next(each for each in STACKS[stack_id].install if each.id == stopped.problem.step_id)
            assert step.operation.method == method
            records = shop.books.installations.list_steps(running.id)
            done = [each.step_id for each in records if each.outputs is not None]
            assert [each for each in done if each != "_account"] == order[: order.index(step.id)]
        number += 1
    assert number >= 3


@pytest.mark.parametrize("stack_id", WITH_SERVER)
def test_a_server_is_waited_for_and_then_looked_at(shop: Shop, provider: ZoneProvider, stack_id: str) -> None:
    journal = MemoryJournal()
    installation = shop.run(start(shop, stack_id), journal)
    assert installation.state is State.INSTALLED
    assert journal.slept == [0.5, 0.5]
    (instance,) = provider.instances.values()
    assert (instance["flavorId"], instance["imageId"]) == ("flavor-small", "image-debian")
    assert [(record["fieldType"], record["target"]) for record in provider.records] == [("A", "127.80.0.2")]
    assert provider.visited == [(f"{provider.records[0]['subDomain']}.example.org", "127.80.0.2", 8080)]


def test_the_page_holds_what_was_typed(shop: Shop, provider: ZoneProvider) -> None:
    shop.run(start(shop, "web-site", title="Carol's cakes: #1", text="- fresh | daily"))
    (instance,) = provider.instances.values()
    head, _, rest = instance["userData"].partition("\n")
    assert head == "#cloud-config"
    (file,) = YAML(typ="safe", pure=True).load(rest)["write_files"]
    assert file["path"] == "/var/www/html/index.html"
    assert "<h1>Carol's cakes: #1</h1>\n<p>- fresh | daily</p>" in file["content"]


def test_a_server_that_ends_in_an_error_stops_at_once(shop: Shop, provider: ZoneProvider) -> None:
    provider.looks_until_active = 10**6
    provider.after = lambda method, path: [each.update(status="ERROR") for each in provider.instances.values()] and None
    installation = shop.run(start(shop, "web-site"))
    assert installation.state is State.FAILED
    assert installation.problem is not None and installation.problem.kind is ProblemKind.STEP_REFUSED
    assert installation.problem.message == "The provider answered that status is ERROR instead of ACTIVE."


def test_waiting_ends_with_the_time_limit_of_the_document_and_can_go_on(shop: Shop, provider: ZoneProvider) -> None:
    provider.looks_until_active = 10**6
    journal = MemoryJournal()
    installation = shop.run(start(shop, "web-site"), journal)
    assert installation.problem is not None and installation.problem.kind is ProblemKind.NOT_IN_TIME
    assert journal.slept == [0.5] * 600
    provider.looks_until_active = 0
    shop.desk.try_again(installation)
    assert shop.run(shop.get(installation.id)).state is State.INSTALLED
    assert len(provider.instances) == 1


def test_a_page_that_does_not_answer_is_said_and_can_be_undone(shop: Shop, provider: ZoneProvider) -> None:
    provider.site_fault = "it answers 500"
    installation = shop.run(start(shop, "web-site"))
    assert installation.problem is not None and installation.problem.kind is ProblemKind.NOT_HEALTHY
    assert shop.remove(shop.log_in(), installation).state is State.REMOVED
    assert provider.instances == {}


@pytest.mark.parametrize(
    ("address", "port", "here", "may"),
    [
        ("127.80.0.2", 8080, True, True),
        ("127.0.0.1", 8080, True, False),
        ("127.80.0.2", 8080, False, False),
        ("10.0.0.1", 80, False, False),
        ("10.0.0.1", 80, True, False),
        ("169.254.169.254", 80, False, False),
        ("::1", 80, True, False),
        ("51.38.1.1", 80, False, True),
        ("51.38.1.1", 22, False, False),
        ("example.org", 80, False, False),
        ("127.80.0.2", 0, True, False),
    ],
)
def test_only_addresses_that_a_provider_may_name_are_visited(address: str, port: int, here: bool, may: bool) -> None:
    assert (why_not(address, port, provider_on_loopback=here) is None) is may


@pytest.mark.parametrize("typed", ["<script>", 'a"b', "a & b"])
def test_texts_cannot_become_markup(typed: str) -> None:
    assert isinstance(check_typed(NEWEST["web-site"].inputs, typed_for("web-site") | {"title": typed}), Misfit)


@pytest.mark.parametrize("project", ["../me", "a/b", "0123456789ABCDEF0123456789ABCDEF", "*" * 32])
def test_a_project_that_would_leave_its_segment_is_refused(project: str) -> None:
    assert isinstance(check_typed(NEWEST["web-site"].inputs, typed_for("web-site") | {"project": project}), Misfit)
