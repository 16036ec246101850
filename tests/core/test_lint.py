"""What is unwise about a list of rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.core.lint import FindingKind, lint_rules
from mandat.core.pattern import is_matched
from mandat.protocol.access_rule import AccessRule
from support.deciding import rules_of

ROUTES = rules_of(
    "GET /me", "GET /domain/zone/{zoneName}", "GET /domain/zone/{zoneName}/record/{id}", "POST /vps/{s}/x"
)


def findings(*rules, routes=None):
    return [(found.index, found.kind.value) for found in lint_rules(rules_of(*rules), routes)]


def test_a_list_of_distinct_tight_rules_gives_no_finding():
    assert findings("GET /me", "PUT /me", "GET /domain/zone", "GET /domain/zone/*") == []


def test_of_two_equal_rules_the_second_is_superfluous():
    assert findings("GET /me", "GET /me") == [(1, "duplicate")]


def test_a_rule_is_covered_by_a_wider_one_before_or_after_it():
    assert findings("GET /me*", "GET /me") == [(1, "covered")]
    assert findings("GET /me", "GET /me*") == [(0, "covered")]


def test_of_two_that_say_the_same_in_other_words_the_second_is_covered():
    assert findings("GET /a*", "GET /a**") == [(1, "covered")]


def test_rules_of_different_methods_do_not_cover_each_other():
    assert findings("GET /me*", "PUT /me") == []


def test_a_subtree_without_its_root_is_noted():
    found = lint_rules(rules_of("GET /domain/zone/*"))
    assert [(one.kind, one.level) for one in found] == [(FindingKind.ROOT_NOT_COVERED, "note")]
    assert found[0].message == "does not cover /domain/zone itself"


def test_the_root_may_be_covered_by_any_other_rule_of_the_method():
    assert findings("GET /domain/zone/*", "GET /dom*ne") == []
    assert (0, "root_not_covered") in findings("GET /domain/zone/*", "PUT /domain/zone")


@pytest.mark.parametrize("rule", ["GET /*", "GET *"])
def test_the_whole_account_is_a_warning(rule):
    assert findings(rule) == [(0, "whole_account")]


@pytest.mark.parametrize("rule", ["GET /1.0/me", "GET /v1/me"])
def test_a_version_in_a_rule_is_a_warning(rule):
    assert findings(rule) == [(0, "version_prefix")]


@pytest.mark.parametrize(
    "rule",
    [
        "GET /me",
        "GET /domain/zone/example.org",
        "GET /domain/zone/*/record/7",
        "GET /domain/zone/x/record/*",
        "GET /domain*record/7",
        "GET */record/*",
        "POST /vps/abc*x",
    ],
)
def test_a_rule_about_some_call_of_a_route_is_about_that_route(rule):
    assert "unknown_route" not in [kind for _, kind in findings(rule, routes=ROUTES)]


@pytest.mark.parametrize(
    "rule",
    [
        "PUT /me",
        "GET /me/",
        "GET /domain/zone/",
        "GET /domain/zone/a/b",
        "GET /domain/zone//record/7",
        "POST /vps/abc/y",
        "POST /vps/*y",
        "POST /vps/x",
    ],
)
def test_a_rule_about_no_route_is_a_warning(rule):
    assert "unknown_route" in [kind for _, kind in findings(rule, routes=ROUTES)]


def test_nothing_is_said_about_routes_when_none_are_known():
    assert findings("GET /nonsense") == []


pieces = st.sampled_from(["a", "/", "*", "b"])


@given(
    st.lists(pieces, max_size=6).map("".join), st.lists(st.sampled_from(["/a", "/b", "/{x}"]), min_size=1, max_size=3)
)
def test_a_literal_call_of_a_route_is_recognised_whatever_the_pattern(rest, segments):
    """When a pattern covers a call that fits the route, it is about that route."""
    pattern, route = "/" + rest, "".join(segments)
    call = route.replace("{x}", "ab")

    if is_matched(pattern, call):
        found = lint_rules([AccessRule("GET", pattern)], [AccessRule("GET", route)])
        assert FindingKind.UNKNOWN_ROUTE not in [one.kind for one in found]
