"""The compiler: from the text of a stack document to a `Stack`, or a refusal with place and reason.

A closed profile of Arazzo 1.0: what is not listed here is refused, so that nothing in a document is silently ignored.
Source: Arazzo 1.0.1; docs/guide/stacks.md says the same in prose.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from mandat.marketplace.stacks.answer_reading import read_pauses
from mandat.marketplace.stacks.expressions import Origin, Reference, Value, references
from mandat.marketplace.stacks.input_schema import read_inputs
from mandat.marketplace.stacks.inputs import Inputs
from mandat.marketplace.stacks.reading import items, members, named, text, whole_number
from mandat.marketplace.stacks.step_reading import read_reference, read_step, read_words, step_ids
from mandat.marketplace.stacks.values import Health, Stack, Step
from mandat.marketplace.stacks.yaml_text import Node, StackRefused, parse_yaml

MAX_STEPS = 60
"""Of one workflow. With a rule for each and the account's own, a request stays far below the wire's 256 rules."""

_ID = re.compile(r"[a-z][a-z0-9-]{0,39}")
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")
_SOURCE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SOURCE_URL = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.json")


# YAML is slow to read: half a second for the library, which every marketplace in a process would spend again.
@lru_cache(maxsize=64)
def compile_stack(source: str, *, stack_id: str) -> Stack:
    """Compiles one document. The same text gives the same object; nobody changes it.

    Args:
        source: the YAML text.
        stack_id: what the catalogue calls it: small letters, digits and '-', starting with a letter.

    Raises:
        StackRefused: for the first thing that is not acceptable.
    """
    if not _ID.fullmatch(stack_id):
        raise StackRefused(f"{stack_id!r} is not a stack id: small letters, digits and '-'", place="", line=1)
    root = members(parse_yaml(source), required=("arazzo", "info", "sourceDescriptions", "workflows"))
    if root["arazzo"].value not in ("1.0.0", "1.0.1"):
        raise root["arazzo"].refuse("this must be '1.0.0' or '1.0.1'")
    info = members(
        root["info"],
        required=("title", "summary", "description", "version", "x-mandat-publisher", "x-mandat-category"),
    )
    source_name = _source_name(root["sourceDescriptions"])
    install, uninstall = _workflows(root["workflows"])
    inputs, steps, results, health = _install(install, source=source_name)
    undoing = _uninstall(uninstall, source=source_name, inputs=inputs, results=results)
    _check_undoing(uninstall, install=steps, uninstall=undoing, results=results)
    return Stack(
        id=stack_id,
        digest=hashlib.sha256(source.encode()).hexdigest(),
        title=text(info["title"], at_most=80),
        summary=text(info["summary"], at_most=200),
        description=text(info["description"]),
        version=_version(info["version"]),
        publisher=text(info["x-mandat-publisher"], at_most=80),
        category=text(info["x-mandat-category"], at_most=40),
        inputs=inputs,
        install=steps,
        uninstall=undoing,
        results=results,
        source=source,
        health=health,
    )


def _version(node: Node) -> str:
    if not _VERSION.fullmatch(text(node)):
        raise node.refuse("a version is three numbers with dots, in quotes: '1.0.0'")
    return str(node.value)


def _source_name(node: Node) -> str:
    (only,) = items(node, at_most=1)
    found = members(only, required=("name", "url"), optional=("type",))
    if "type" in found and found["type"].value != "openapi":
        raise found["type"].refuse("this must be 'openapi'")
    if not _SOURCE_URL.fullmatch(text(found["url"])):
        raise found["url"].refuse("the provider's description is named relative to the endpoint, such as 'domain.json'")
    name = text(found["name"])
    if not _SOURCE_NAME.fullmatch(name):
        raise found["name"].refuse("a source description's name has letters, digits, '-' and '_'")
    return name


def _workflows(node: Node) -> tuple[dict[str, Node], dict[str, Node]]:
    first, second = items(node, at_least=2, at_most=2)
    shared = ("workflowId", "summary", "steps")
    install = members(first, required=(*shared, "inputs"), optional=("description", "outputs", "x-mandat-health"))
    uninstall = members(second, required=shared, optional=("description",))
    for found, expected in ((install, "install"), (uninstall, "uninstall")):
        if found["workflowId"].value != expected:
            raise found["workflowId"].refuse(f"this workflow must be called {expected!r}")
        text(found["summary"])
    return install, uninstall


def _install(
    workflow: dict[str, Node], *, source: str
) -> tuple[Inputs, tuple[Step, ...], dict[str, Reference], Health | None]:
    nodes = items(workflow["steps"], at_most=MAX_STEPS)
    step_ids(nodes)
    steps = tuple(read_step(node, source=source) for node in nodes)
    in_paths = {each.name for step in steps for each in references(list(step.path_values.values()))}
    inputs = read_inputs(workflow["inputs"], in_paths=in_paths)
    known = {Reference(Origin.INPUT, field.name) for field in inputs.fields}
    for node, step in zip(nodes, steps, strict=True):
        if step.operation.method == "DELETE":
            raise node.refuse("installing deletes nothing: what is to be deleted belongs to 'uninstall'")
        _check_words(node, step, known)
        _check_known(node, step, known)
        known |= {Reference(Origin.STEP, output.name, step.id) for output in step.outputs}
        _check_change(node, step, known)
    return inputs, steps, _results(workflow.get("outputs"), known), _health(workflow.get("x-mandat-health"), known)


def _health(node: Node | None, known: Collection[Reference]) -> Health | None:
    if node is None:
        return None
    found = members(node, required=("description", "host", "address", "port", "retryAfter", "retryLimit"))
    address, port = read_reference(found["address"]), found["port"].value
    health = Health(
        words=read_words(found["description"]),
        host=read_words(found["host"]),
        address=address,
        port=whole_number(found["port"], low=1, high=65_535)
        if isinstance(port, int)
        else read_reference(found["port"]),
        retry=read_pauses(found),
    )
    for place in ("address", "port"):
        for reference in references([getattr(health, place)]):
            if reference not in known or reference.origin is not Origin.STEP:
                raise found[place].refuse(f"{reference} is not an output of a step")
    for place, words in (("description", health.words), ("host", health.host)):
        if any(each.origin is not Origin.INPUT or each not in known for each in references(words)):
            raise found[place].refuse("this may only refer to inputs")
    return health


def _results(node: Node | None, known: Collection[Reference]) -> dict[str, Reference]:
    if node is None:
        return {}
    results: dict[str, Reference] = {}
    for name, member in named(node, at_most=MAX_STEPS).items():
        reference = read_reference(member)
        if reference not in known or reference.origin is not Origin.STEP:
            raise member.refuse(f"{reference} is not an output of a step")
        results[name] = reference
    return results


def _uninstall(workflow: dict[str, Node], *, source: str, inputs: Inputs, results: Collection[str]) -> tuple[Step, ...]:
    """The steps that undo an installation know its inputs and its outputs."""
    nodes = items(workflow["steps"], at_most=MAX_STEPS)
    step_ids(nodes)
    known = {Reference(Origin.INPUT, field.name) for field in inputs.fields}
    known |= {Reference(Origin.INSTALL, name) for name in results}
    steps = []
    for node in nodes:
        step = read_step(node, source=source)
        _check_known(node, step, known)
        known |= {Reference(Origin.STEP, output.name, step.id) for output in step.outputs}
        steps.append(step)
    return tuple(steps)


def _check_undoing(
    workflow: dict[str, Node], *, install: Sequence[Step], uninstall: Sequence[Step], results: dict[str, Reference]
) -> None:
    """Whatever is created can be removed by what its step answered, and what came last goes first."""
    node = workflow["steps"]
    order = {step.id: number for number, step in enumerate(install)}
    removed: list[int] = []
    for item, step in zip(items(node, at_most=MAX_STEPS), uninstall, strict=True):
        named_here = {each.name for each in references([*step.path_values.values()]) if each.origin is Origin.INSTALL}
        made_by = {order[results[name].step] for name in named_here}
        if made_by and removed and max(made_by) > min(removed):
            raise item.refuse(f"{step.id!r} removes what was created after what is removed before it")
        removed += made_by if step.operation.method == "DELETE" else ()
    for step in install:
        if step.creation is not None and order[step.id] not in removed:
            raise node.refuse(f"nothing here deletes what the step {step.id!r} creates, by an id that it answered")


def _check_known(node: Node, step: Step, known: Collection[Reference]) -> None:
    picked = step.pick.where if step.pick is not None else {}
    used: list[Value] = [*step.path_values.values(), *step.query_values.values(), step.payload, *picked.values()]
    for reference in references(used):
        if reference not in known:
            raise node.refuse(f"{reference} is not known here: an input, or an output of a step before this one")


def _check_change(node: Node, step: Step, known: Collection[Reference]) -> None:
    """A change names what it changes by what the creating step itself answered."""
    if step.change is None:
        return
    used = list(references(list(step.change.path_values.values())))
    for reference in used:
        if reference not in known:
            raise node.refuse(f"{reference} is not known here: an input, or an output of this step or one before it")
    if not any(each.origin is Origin.STEP and each.step == step.id for each in used):
        raise node.refuse("a change names what it changes by an output of its own step")
    for reference in references([step.change.words, step.change.right]):
        if reference.origin is not Origin.INPUT or reference not in known:
            raise node.refuse(f"words may only refer to inputs, and {reference} is none")


def _check_words(node: Node, step: Step, known: Collection[Reference]) -> None:
    """Words are shown before anything ran: they may use inputs only."""
    words: list[Value] = [step.words, step.right]
    if step.creation is not None:
        words += [step.creation.name, step.creation.value]
    for reference in references(words):
        if reference.origin is not Origin.INPUT or reference not in known:
            raise node.refuse(f"words may only refer to inputs, and {reference} is none")
