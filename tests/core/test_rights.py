"""What a rule means to the person who is asked."""

import pytest

from mandat.core.pattern import covers, is_matched, reaches
from mandat.core.rights import Effect, Risk, effect_of, is_whole_account, risks_of
from support.deciding import rules_of


@pytest.mark.parametrize(
    ("rule", "effect"),
    [("GET /me", Effect.READ), ("POST /me", Effect.CHANGE), ("PUT /me", Effect.CHANGE), ("DELETE /me", Effect.DELETE)],
)
def test_the_method_says_the_effect(rule, effect):
    assert effect_of(rules_of(rule)[0]) is effect


@pytest.mark.parametrize("path", ["*", "/*", "**", "/**", "*/*", "*/**"])
def test_what_covers_every_path_is_the_whole_account(path):
    assert is_whole_account(path)
    assert covers(path, "/*")


@pytest.mark.parametrize("path", ["/", "*/", "/me*", "/me/*", "*me", "/*/", "/*/*"])
def test_what_leaves_a_path_out_is_not(path):
    assert not is_whole_account(path)
    assert not covers(path, "/*")


@pytest.mark.parametrize(
    ("rule", "risks"),
    [
        ("GET /*", {Risk.WHOLE_ACCOUNT}),
        ("PUT *", {Risk.WHOLE_ACCOUNT, Risk.CHANGES_ACCESS}),
        ("DELETE /*", {Risk.WHOLE_ACCOUNT, Risk.CHANGES_ACCESS, Risk.DELETES}),
        ("DELETE /domain/zone/*", {Risk.DELETES}),
        ("POST /domain/zone/*", set()),
        ("GET /me/api/*", set()),
        ("PUT /me/api/credential/7", {Risk.CHANGES_ACCESS}),
        ("POST /me/*", {Risk.CHANGES_ACCESS}),
        ("POST /m*", {Risk.CHANGES_ACCESS}),
        ("POST */credential", {Risk.CHANGES_ACCESS}),
        ("POST /me/sshKey", {Risk.CHANGES_ACCESS}),
        ("POST /v2/iam/policy", {Risk.CHANGES_ACCESS}),
        ("POST /me/order", set()),
        ("POST /auth/logout", {Risk.CHANGES_ACCESS}),
    ],
)
def test_a_rule_is_marked_with_its_risks(rule, risks):
    assert risks_of(rules_of(rule)) == risks


def test_the_risks_of_a_list_are_those_of_its_rules():
    assert risks_of(rules_of("GET /*", "DELETE /vps/x")) == {Risk.WHOLE_ACCOUNT, Risk.DELETES}
    assert risks_of([]) == frozenset()


@pytest.mark.parametrize(
    ("pattern", "prefix", "expected"),
    [("/me", "/me", True), ("/me/x", "/me", True), ("/m", "/me", False), ("/m*", "/me", True), ("/v*", "/me", False)],
)
def test_a_pattern_reaches_below_a_prefix_or_not(pattern, prefix, expected):
    assert reaches(pattern, prefix) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [("/me", "/me", True), ("/me", "/me/", False), ("/me*", "/me/", True), ("/x/*40", "/x/%40", False)],
)
def test_one_pattern_alone_matches_as_in_a_rule_set(pattern, path, expected):
    assert is_matched(pattern, path) is expected
