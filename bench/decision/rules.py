"""What a decision costs with more and more rules, and with rules made to be expensive."""

from collections.abc import Callable

from bench.decision.calls import grant_of, permitting, signed_head
from bench.decision.timing import cost_us, interleaved
from bench.figures import Chart, Figure, Size, at_most, ratios
from mandat.core.rules import compile_rules
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.target import CanonicalTarget, parse_target

NUMBERS = (1, 4, 16, 64, 256, 1_024, 4_096, 10_000)

_HOSTILE: dict[str, Callable[[int], str]] = {
    "repeated letters": lambda number: "/*" + "*".join(["a" * (20 + number % 200)] * 7) + "*b",
    "needles that almost fit": lambda number: f"/*{'a' * (500 + number)}b{'a' * (499 - number)}*a",
    "needles just short": lambda number: f"/*{'a' * (10 + number % 10)}b{'a' * (20 - number % 10)}*{number}",
    "periods": lambda number: "/*" + "*".join(["a" * 100 + "b" + "a" * (number % 100)] * 7) + "*",
    "nested beginnings": lambda number: "/" + "a" * number * 7 + "*b*" + "a" * 200 + "*c",
    "short texts between stars": lambda number: f"*{'a' * (number % 5)}*b{number}*",
}
_TEXTS = ("a" * 2_040, ("a" * 99 + "b") * 20)


def by_number(size: Size) -> tuple[list[Figure], Chart]:
    """Whole decisions about one call that the last rule covers."""
    head = signed_head("/1.0/domain/zone/example.org/record?fieldType=TXT")
    sets = {number: _usual_rules(number) for number in NUMBERS}
    actions = {f"{number}": permitting([head], grant_of(rules)) for number, rules in sets.items()}
    costs = interleaved(actions, rounds=size.rounds * 3, repeats=size.repeats * 5)
    least = {number: sorted(costs[f"{number}"])[len(costs[f"{number}"]) // 2] for number in NUMBERS}
    figures = [
        Figure("decision: 256 rules / 1 rule", ratios(costs["256"], costs["1"]), goal=at_most(1.3)),
        Figure("decision: 10,000 rules / 1 rule", ratios(costs["10000"], costs["1"]), goal=at_most(1.3)),
    ]
    curve = {"a signed GET": [(float(number), cost) for number, cost in least.items()]}
    return figures, Chart("rules", "Cost of a decision by number of rules", "rules of the credential", "µs", curve)


def hostile(size: Size) -> list[Figure]:
    """The dearest of the hostile sets: 256 rules of many stars on a path of 2,048 characters."""
    worst: tuple[float, str] = (0.0, "")
    rounds: dict[str, list[float]] = {}
    for name, make in _HOSTILE.items():
        rules = compile_rules([AccessRule("GET", make(number)) for number in range(256)])
        for text in _TEXTS:
            target = parse_target(f"/1.0/{text}".encode())
            assert isinstance(target, CanonicalTarget), target
            for _ in range(size.rounds):
                cost = cost_us(lambda rules=rules, target=target: rules.match("GET", target), 10)  # type: ignore[misc]
                rounds.setdefault(f"{name}, {text[:1]}…{text[-1]}", []).append(cost)
    for name, costs in rounds.items():
        worst = max(worst, (sorted(costs)[len(costs) // 2], name))
    what = f"decision: the dearest hostile rule set ({worst[1].rpartition(',')[0]})"
    return [Figure(what, tuple(rounds[worst[1]]), "µs", at_most(1_000, " µs"))]


def _usual_rules(number: int) -> list[AccessRule]:
    """Half of them with a star, all for the same method; the last covers the call."""
    paths = [f"/domain/zone/shop-{at}.example/{'*' if at % 2 else 'record'}" for at in range(number - 1)]
    return [*(AccessRule("GET", path) for path in paths), AccessRule("GET", "/domain/zone/example.org/*")]
