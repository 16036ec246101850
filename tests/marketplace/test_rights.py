"""Rights follow from steps: narrow, complete, and the runner's own check agrees with what was shown."""

from hypothesis import given
from hypothesis import strategies as st

from mandat.marketplace.stacks.calls import CallRefused, build_call
from mandat.marketplace.stacks.compiler import compile_stack
from mandat.marketplace.stacks.expressions import Origin, Reference
from mandat.marketplace.stacks.inputs import Checked, as_scope, check_typed
from mandat.marketplace.stacks.rights import Effect, derive_rights, is_covered
from mandat.marketplace.stacks.shelf import LIBRARY, read_library
from mandat.marketplace.stacks.values import Stack
from mandat.protocol.access_rule import AccessRule
from marketplace.documents import SMALL

MAIL = next(stack for stack in read_library(LIBRARY) if stack.id == "mail-dns")
SMALL_STACK = compile_stack(SMALL, stack_id="small")


def rules_for(stack: Stack, typed: dict[str, str]) -> list[AccessRule]:
    checked = check_typed(stack.inputs, typed)
    assert isinstance(checked, Checked)
    return [right.rule for right in derive_rights(stack, checked.values)]


def test_rules_are_narrowed_to_what_the_customer_chose() -> None:
    assert [str(rule) for rule in rules_for(MAIL, {"zone": "example.org"})] == [
        "GET /me",
        "GET /domain/zone/example.org",
        "POST /domain/zone/example.org/record",
        "POST /domain/zone/example.org/refresh",
    ]


def test_an_id_that_only_a_step_knows_becomes_a_star_and_is_marked() -> None:
    rights = derive_rights(SMALL_STACK, {"name": "x", "size": 3, "kind": "k", "loud": False})
    last = rights[-1]
    assert (str(last.rule), last.open_id, last.steps) == ("GET /things/x/parts/*", True, ("read",))
    assert not any(right.open_id for right in rights[:-1])


def test_rights_are_told_apart_by_what_they_can_do() -> None:
    rights = derive_rights(SMALL_STACK, {"name": "x", "size": 3, "kind": "k", "loud": False})
    assert [right.effect for right in rights] == [Effect.READ, Effect.CHANGE, Effect.READ]


def test_a_rule_that_several_steps_need_is_asked_for_once() -> None:
    checked = check_typed(MAIL.inputs, {"zone": "example.org"})
    assert isinstance(checked, Checked)
    record = derive_rights(MAIL, checked.values)[2]
    assert record.steps == ("add-mx", "add-spf", "add-dkim", "add-dmarc")
    assert record.words == ("Add DNS records to the zone example.org",)


labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
zones = st.builds(lambda name, top: f"{name}.{top}", labels, st.sampled_from(["org", "example", "de"]))


@given(zones, zones)
def test_no_rule_for_one_zone_covers_a_call_on_another(zone: str, other: str) -> None:
    if zone == other:
        return
    rules = [rule for rule in rules_for(MAIL, {"zone": zone}) if rule.path != "/me"]
    checked = check_typed(MAIL.inputs, {"zone": other})
    assert isinstance(checked, Checked)
    for step in MAIL.install:
        call = build_call(step, as_scope(checked.values))
        assert not is_covered(rules, method=call.method, path=call.path)


@given(zones)
def test_every_call_is_covered_and_every_rule_is_used(zone: str) -> None:
    rules = rules_for(MAIL, {"zone": zone})
    checked = check_typed(MAIL.inputs, {"zone": zone})
    assert isinstance(checked, Checked)
    calls = [build_call(step, as_scope(checked.values)) for step in MAIL.install]
    used = {rule for rule in rules if any(is_covered([rule], method=c.method, path=c.path) for c in calls)}
    assert all(is_covered(rules, method=call.method, path=call.path) for call in calls)
    assert used == set(rules) - {AccessRule("GET", "/me")}


@given(st.text(max_size=30))
def test_whatever_is_typed_a_path_never_leaves_its_segment(text: str) -> None:
    checked = check_typed(SMALL_STACK.inputs, {"name": text})
    if not isinstance(checked, Checked):
        return
    rule = derive_rights(SMALL_STACK, checked.values)[1].rule
    assert rule.path.count("/") == 2 and "*" not in rule.path
    assert "/.." not in rule.path and "?" not in rule.path and "#" not in rule.path


@given(st.one_of(st.text(max_size=20), st.integers(), st.none(), st.booleans(), st.lists(st.integers())))
def test_whatever_the_provider_answers_a_path_never_leaves_its_segment(answer: object) -> None:
    scope = as_scope({"name": "x", "size": 3, "kind": "k", "loud": False})
    scope[Reference(Origin.STEP, "id", "create")] = answer  # type: ignore[assignment]
    try:
        call = build_call(SMALL_STACK.install[1], scope)
    except CallRefused:
        return
    assert is_covered([AccessRule("GET", "/things/x/parts/*")], method="GET", path=call.path)
    assert call.path.count("/") == 4


def test_a_star_covers_one_segment_only() -> None:
    rules = [AccessRule("GET", "/a/*/c")]
    assert is_covered(rules, method="GET", path="/a/b/c")
    for path in ("/a/b/b/c", "/a//c", "/a/c", "/a/*/c", "/a/b/c/d", "/x/a/b/c"):
        assert not is_covered(rules, method="GET", path=path)
    assert not is_covered(rules, method="POST", path="/a/b/c")


def test_values_keep_their_type_and_are_escaped_where_they_go() -> None:
    checked = check_typed(SMALL_STACK.inputs, {"name": "Ä:1@x", "size": "7", "loud": "yes"})
    assert isinstance(checked, Checked)
    call = build_call(SMALL_STACK.install[0], as_scope(checked.values))
    assert (call.path, call.query) == ("/things/%C3%84:1@x", "?size=7%20m")
    assert call.body == {"kind": "plain Ä:1@x", "loud": True, "label": "Ä:1@x true", "nested": [{"size": 7}]}
