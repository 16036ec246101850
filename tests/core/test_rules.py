"""Which rule covers a call: vectors, laws against a slow obvious model, and the cost."""

import gc
import weakref
from time import perf_counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.slow_model import atoms, covering_rules, fits
from mandat.core.pattern import covers
from mandat.core.rules import compile_rules, tightest_rule
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.target import CanonicalTarget, check_pattern, parse_target
from support.deciding import rules_of
from vectors import cases


def target_of(text: str) -> CanonicalTarget:
    target = parse_target(text.encode())
    assert isinstance(target, CanonicalTarget), target
    return target


@pytest.mark.parametrize("case", cases("rules"))
def test_a_call_is_covered_as_in_the_vector(case):
    rules = compile_rules([AccessRule(**rule) for rule in case["rules"]])
    rule = rules.match(case["method"], target_of(case["target"]))
    assert (None if rule is None else str(rule)) == case["covered_by"]


# Few letters, so that rules and targets meet; escapes and their digits, so that they can be mistaken for each other.
letters = st.sampled_from(["a", "b", "/", "a", "b", "/", "2", "F", "%2F", "%2f", "%40", "@"])
patterns = st.builds(
    lambda start, rest: start + rest,
    st.sampled_from(["/", "*", "/v2/", "/v2"]),
    st.lists(letters | st.just("*"), max_size=7).map("".join),
).filter(lambda path: check_pattern(path) is None)
methods = st.sampled_from(["GET", "POST"])
rule_lists = st.lists(st.builds(AccessRule, methods, patterns), max_size=30)
targets = (
    st.builds(
        lambda version, rest: f"{version}{rest}",
        st.sampled_from(["/1.0/", "/v1/", "/v2/"]),
        st.lists(letters, max_size=7).map("".join),
    )
    .map(lambda text: parse_target(text.encode()))
    .filter(lambda target: isinstance(target, CanonicalTarget))
)


@given(rule_lists, st.sampled_from(["GET", "POST", "HEAD", "DELETE"]), targets)
@settings(max_examples=400)
def test_the_matcher_agrees_with_the_slow_model(rules, method, target):
    compiled = compile_rules(rules)
    found = compiled.match(method, target)
    covering = covering_rules(compiled, method, target)
    assert (found is not None) is bool(covering)
    assert found is None or found in covering


many_alike = st.lists(st.lists(st.sampled_from(["abcdef", "bcdefa", "a", "x"]), min_size=1, max_size=4), max_size=40)


@given(many_alike, st.lists(st.sampled_from(["abcdef", "bcdefa", "a", "x", "/"]), max_size=8).map("".join))
@settings(max_examples=300)
def test_the_matcher_agrees_when_many_rules_differ_only_between_stars(middles, text):
    compiled = compile_rules([AccessRule("GET", "/*" + "*".join(parts) + "*") for parts in middles])
    target = parse_target(b"/1.0/" + text.encode())
    assume(isinstance(target, CanonicalTarget))
    found = compiled.match("GET", target)
    assert (found is not None) is bool(covering_rules(compiled, "GET", target))


def decoded(text: str) -> list[str]:
    """As a server reads it that decodes before it routes; a star stays a star."""
    return [atom if len(atom) == 1 else bytes.fromhex(atom[1:]).decode() for atom in atoms(text)]


@given(rule_lists, targets)
@settings(max_examples=400)
def test_whatever_a_server_decodes_is_covered_by_a_rule_decoded_alike(rules, target):
    """Decoding widens nothing: neither of the slash alone nor of everything."""
    rule = compile_rules(rules).match("GET", target)
    assume(rule is not None)
    assert fits(decoded(rule.path), decoded(target.opaque))
    assert fits(list(rule.path.upper().replace("%2F", "/")), list(target.slashed.upper()))


intruders = st.sampled_from(
    [
        *("", ".", "..", "%2e", "%2E%2e", ".%2e", "..%2Fx", "x%2F..", "x%2f.", "%2Fx", "x%2F%2Fy", "x%2F"),
        *("x;v=1", "%3B", "x%00", "%0d%0a", "x%252F", "x\\y", "%5C", "%C0%AF", "%FF", "%", "x#y", "x y", "é"),
    ]
)


@given(targets, intruders, st.data())
def test_a_segment_that_readers_resolve_differently_makes_no_target(target, intruder, data):
    segments = target.path.split("/")
    place = data.draw(st.integers(2, len(segments)))
    rewritten = "/".join([*segments[:place], intruder, "end", *segments[place:]])
    assert not isinstance(parse_target(rewritten.encode()), CanonicalTarget)


@given(targets, st.data())
def test_escaping_a_plain_character_makes_no_target(target, data):
    characters = atoms(target.path)
    place = data.draw(
        st.sampled_from([place for place, one in enumerate(characters) if one.isalnum() or one in ("-", ".", "_", "~")])
    )
    characters[place] = f"%{ord(characters[place]):02X}"
    assert not isinstance(parse_target("".join(characters).encode()), CanonicalTarget)


@given(rule_lists, targets, st.data())
@settings(max_examples=300)
def test_encoding_slashes_or_signs_reaches_nothing_that_was_not_granted(rules, target, data):
    """For rules without escapes: what is covered in an encoded form is covered in the plain one."""
    compiled = compile_rules([rule for rule in rules if "%" not in rule.path])
    prefix = len(target.path) - len(target.opaque) if target.version != "v2" else 4
    spots = [at for at in range(prefix + 1, len(target.path)) if target.path[at] in "/@"]
    chosen = data.draw(st.sets(st.sampled_from(spots))) if spots else set()
    rewritten = "".join(
        f"%{ord(character):02X}" if at in chosen else character for at, character in enumerate(target.path)
    )
    other = parse_target(rewritten.encode())
    assume(isinstance(other, CanonicalTarget))
    plain = parse_target(rewritten.replace("%2F", "/").replace("%2f", "/").replace("%40", "@").encode())
    assume(isinstance(plain, CanonicalTarget))
    if compiled.match("GET", other) is not None:
        assert compiled.match("GET", plain) is not None


@given(patterns, st.data())
def test_a_pattern_is_covered_by_itself_with_a_star_for_any_part(narrower, data):
    characters = atoms(narrower)
    start = data.draw(st.integers(0, len(characters)))
    end = data.draw(st.integers(start, len(characters)))
    assert covers("".join([*characters[:start], "*", *characters[end:]]), narrower)


@given(patterns, patterns, targets)
def test_what_a_covered_pattern_matches_the_covering_one_matches_too(wider, narrower, target):
    if covers(wider, narrower) and fits(atoms(narrower), atoms(target.opaque)):
        assert fits(atoms(wider), atoms(target.opaque))


@given(targets, st.sampled_from(["GET", "HEAD", "POST"]))
def test_the_tightest_rule_covers_its_call(target, method):
    rule = tightest_rule(method, target)
    assert compile_rules([rule]).match(method, target) == rule
    assert check_pattern(rule.path) is None


def test_equal_lists_are_one_object_and_forgotten_when_unused():
    first = compile_rules(rules_of("GET /me", "GET /vps/*"))
    assert compile_rules(list(rules_of("GET /me", "GET /vps/*"))) is first
    assert compile_rules(rules_of("GET /vps/*", "GET /me")) is not first
    watched = weakref.ref(first)
    del first
    gc.collect()
    assert watched() is None


def test_the_rules_keep_their_order_and_their_repetitions():
    rules = rules_of("PUT /b", "GET /a", "PUT /b")
    assert compile_rules(rules).rules == rules


def cost_microseconds(rules, target, *, calls: int) -> float:
    """The best of several rounds, because others use the machine too."""
    rounds = []
    for _ in range(7):
        started = perf_counter()
        for _ in range(calls):
            rules.match("GET", target)
        rounds.append((perf_counter() - started) / calls)
    return min(rounds) * 1e6


FAMILIES = {
    "exact": "/domain/zone/z{}.example/record",
    "subtree": "/domain/zone/z{}.example/*",
    "star inside, then the same": "/domain/zone/z{}.example/*/status",
    "star inside, then another end": "/cloud/project/*/instance/{}",
    "two stars": "/cloud/project/*/instance/{}/*",
    "star in front": "*/thing/{}",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cost_is_flat_in_the_number_of_rules(family):
    def rules(count: int):
        return compile_rules([AccessRule("GET", FAMILIES[family].format(number)) for number in range(count)])

    few, many, very_many = rules(16), rules(256), rules(10_000)
    for target in (target_of("/1.0/cloud/project/abc/instance/zzz"), target_of("/1.0/domain/zone/z9.example/x/status")):
        base = max(cost_microseconds(few, target, calls=200), 1)
        assert cost_microseconds(many, target, calls=200) < 5 * base
        assert cost_microseconds(very_many, target, calls=200) < 5 * base


HOSTILE = {
    "repeated letters": lambda number: "/*" + "*".join(["a" * (20 + number % 200)] * 7) + "*b",
    "needles that almost fit": lambda number: f"/*{'a' * (500 + number)}b{'a' * (499 - number)}*a",
    "needles just short": lambda number: f"/*{'a' * (10 + number % 10)}b{'a' * (20 - number % 10)}*{number}",
    "periods": lambda number: "/*" + "*".join(["a" * 100 + "b" + "a" * (number % 100)] * 7) + "*",
    "nested beginnings": lambda number: "/" + "a" * number * 7 + "*b*" + "a" * 200 + "*c",
    "short texts between stars": lambda number: f"*{'a' * (number % 5)}*b{number}*",
}


@pytest.mark.parametrize("family", HOSTILE)
@pytest.mark.parametrize("text", ["a" * 2_040, ("a" * 99 + "b") * 20])
def test_no_256_rules_cost_more_than_a_few_milliseconds(family, text):
    rules = compile_rules([AccessRule("GET", HOSTILE[family](number)) for number in range(256)])
    assert all(check_pattern(rule.path) is None for rule in rules.rules)
    assert cost_microseconds(rules, target_of("/1.0/" + text), calls=2) < 10_000


def test_a_rule_that_nobody_could_ask_for_covers_nothing_and_breaks_nothing():
    rules = compile_rules([AccessRule("GET", "/%\U0010ffff\U0010ffff"), AccessRule("GET", "/me")])
    assert rules.match("GET", target_of("/1.0/me")) == AccessRule("GET", "/me")
    assert rules.match("GET", target_of("/1.0/x")) is None


lengths = st.integers(0, 80)


@given(st.lists(st.tuples(lengths, lengths, lengths), min_size=1, max_size=40), lengths, lengths, lengths)
def test_long_texts_between_stars_are_found_exactly_where_they_are(needles, before, between, after):
    texts = ["a" * first + "b" + "a" * second + "b" * (third % 2) for first, second, third in needles]
    rules = compile_rules([AccessRule("GET", f"/*{text}*/end") for text in texts])
    path = "a" * before + "b" + "a" * between + "b" + "a" * after
    rule = rules.match("GET", target_of(f"/1.0/{path}/end"))
    fitting = [text for text in texts if text in path]
    assert (rule is None) == (not fitting)
    assert rule is None or rule.path in {f"/*{text}*/end" for text in fitting}


LONG = "the-quick-brown-fox-jumps-over-them"


def test_a_rule_is_found_behind_others_whose_long_texts_are_missing():
    missing = [f"GET /*{'a' * 40}*/end", f"GET /*{'a' * 40}b*/end"]
    rules = rules_of(*missing, f"GET /*{LONG}*/end")
    assert compile_rules(rules).match("GET", target_of(f"/1.0/x{LONG}/end")) == rules[-1]


def test_a_long_text_may_stand_where_the_path_begins():
    rules = rules_of(f"GET */{LONG}*/end")
    assert compile_rules(rules).match("GET", target_of(f"/1.0/{LONG}/x/end")) == rules[0]
