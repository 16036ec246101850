"""Stack documents: what the profile takes, and that everything else is refused with its place and a reason."""

from collections.abc import Callable

import pytest
from ruamel.yaml import YAML

from mandat.marketplace.stacks.compiler import compile_stack
from mandat.marketplace.stacks.shelf import LIBRARY, read_library
from mandat.marketplace.stacks.yaml_text import MAX_STACK_BYTES, StackRefused, parse_yaml
from marketplace.documents import SMALL, changed, set_at


def refusal(text: str, stack_id: str = "small") -> StackRefused:
    with pytest.raises(StackRefused) as caught:
        compile_stack(text, stack_id=stack_id)
    return caught.value


def test_the_small_document_is_acceptable() -> None:
    stack = compile_stack(SMALL, stack_id="small")
    assert [step.id for step in stack.install] == ["create", "read"]
    assert [step.id for step in stack.uninstall] == ["remove"]
    assert stack.uninstall[0].operation.method == "DELETE"


def test_every_stack_of_the_library_is_acceptable() -> None:
    assert "mail-dns" in [stack.id for stack in read_library(LIBRARY)]


def test_an_operation_path_means_the_same_as_an_operation_id() -> None:
    pointed = set_at(
        "workflows[0].steps[0]", operationPath="{$sourceDescriptions.provider.url}#/paths/~1things~1{name}/post"
    )
    text = changed(SMALL, pointed, lambda document: document["workflows"][0]["steps"][0].pop("operationId"))
    step = compile_stack(text, stack_id="small").install[0]
    assert str(step.operation) == "POST /things/{name}"


WAIT = {"name": "wait", "type": "retry", "retryAfter": 1, "retryLimit": 60}
ACTIVE = [{"condition": "$response.body#/status == 'ACTIVE'"}]
HEALTH = {
    "description": "Look",
    "host": "{$inputs.name}.example",
    "address": "$steps.create.outputs.id",
    "port": 80,
    "retryAfter": 1,
    "retryLimit": 5,
}

BAD_YAML = [
    ("a: &x 1\nb: *x", 1, "aliases and anchors"),
    ("a: 1\nb: 2\na: 3", 3, "'a' is there twice"),
    ("a: !!python/object:os.system x", 1, "tags"),
    ("a: !own x", 1, "tags"),
    ("a: 1\n---\nb: 2", 2, "more than one document"),
    ("", 1, "empty"),
    ("a: [1, 2", 1, "not YAML"),
    ("1: x", 1, "a name must be text"),
    ("<<: {a: 1}", 1, "a name must be text"),
    ("? [a]\n: b", 1, "a name must be text"),
    ("\n\nwhen: 2026-11-23", 3, "put it in quotes"),
    ("a: .inf", 1, "put it in quotes"),
    ("a: 0x10", 1, "put it in quotes"),
    ("a: 123456789012345678901", 1, "put it in quotes"),
    ("a: 1_000", 1, "put it in quotes"),
    ("a: '\x00'", 1, "not YAML"),
    ("[" * 60, 1, "nested deeper"),
    ("a:\n" + "- 1\n" * 20_001, 19_999, "more than"),
    ("#" * (MAX_STACK_BYTES + 1), 1, "longer than"),
    ("a: '\ud800'", 1, "not YAML"),
]


@pytest.mark.parametrize(("text", "line", "reason"), BAD_YAML)
def test_yaml_that_is_not_acceptable_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(StackRefused) as caught:
        parse_yaml(text)
    assert (caught.value.line, reason in caught.value.reason) == (line, True)


Change = Callable[[dict], None]  # type: ignore[type-arg]
INSTALL, STEP, SECOND = "workflows[0]", "workflows[0].steps[0]", "workflows[0].steps[1]"
NAME = "workflows[0].inputs.properties.name"

BAD_DOCUMENTS: list[tuple[str, Change, str, str]] = [
    ("wrong version of Arazzo", set_at("", arazzo="2.0.0"), "arazzo", "1.0.1"),
    ("unknown member", set_at("", extra=1), "extra", "not part of the profile"),
    ("components", set_at("", components={}), "components", "not part of the profile"),
    ("missing member", lambda d: d.pop("info"), "", "'info' is missing"),
    ("blank title", set_at("info", title="  "), "info.title", "must be text"),
    ("a title too long", set_at("info", title="x" * 81), "info.title", "longer than 80"),
    ("version without dots", set_at("info", version="1"), "info.version", "three numbers"),
    ("two sources", lambda d: d["sourceDescriptions"].append({}), "sourceDescriptions", "1 to 1"),
    (
        "absolute source",
        set_at("sourceDescriptions[0]", url="http://x/y.json"),
        "sourceDescriptions[0].url",
        "relative",
    ),
    ("source above", set_at("sourceDescriptions[0]", url="../y.json"), "sourceDescriptions[0].url", "relative"),
    ("another kind of source", set_at("sourceDescriptions[0]", type="arazzo"), "sourceDescriptions[0].type", "openapi"),
    ("no uninstall", lambda d: d["workflows"].pop(), "workflows", "2 to 2"),
    ("workflows renamed", set_at(INSTALL, workflowId="go"), "workflows[0].workflowId", "'install'"),
    ("dependsOn", set_at(INSTALL, dependsOn=["x"]), "workflows[0].dependsOn", "not part of the profile"),
    ("no steps", set_at(INSTALL, steps=[]), "workflows[0].steps", "1 to 60"),
    ("waiting with a write", set_at(STEP, onFailure=[]), f"{STEP}.onFailure", "only a GET"),
    ("waiting for nothing", set_at(SECOND, onFailure=[WAIT]), f"{SECOND}.onFailure", "only a GET with a condition"),
    (
        "a failure action that goes elsewhere",
        set_at(SECOND, successCriteria=ACTIVE, onFailure=[WAIT | {"type": "goto"}]),
        f"{SECOND}.onFailure[0].type",
        "only failure action",
    ),
    (
        "waiting too long",
        set_at(SECOND, successCriteria=ACTIVE, onFailure=[WAIT | {"retryAfter": 60}]),
        f"{SECOND}.onFailure[0].retryLimit",
        "longer than 600 seconds",
    ),
    (
        "waiting on a status code",
        set_at(SECOND, successCriteria=ACTIVE, onFailure=[WAIT | {"criteria": [{"condition": "$statusCode == 200"}]}]),
        f"{SECOND}.onFailure[0].criteria[0]",
        "depends on the answer's body",
    ),
    (
        "picking from elsewhere",
        set_at(STEP, **{"x-mandat-pick": {"from": "$request.body", "where": {"a": 1}}}),
        f"{STEP}.x-mandat-pick.from",
        "a list is",
    ),
    (
        "picking by what is not known",
        set_at(STEP, **{"x-mandat-pick": {"from": "$response.body", "where": {"a": "$inputs.nobody"}}}),
        STEP,
        "is not known here",
    ),
    (
        "a fallback for no output",
        set_at(STEP, **{"x-mandat-defaults": {"other": 1}}),
        f"{STEP}.x-mandat-defaults.other",
        "there is no output",
    ),
    (
        "health at an address of the author's",
        set_at(INSTALL, **{"x-mandat-health": HEALTH | {"address": "10.0.0.1"}}),
        f"{INSTALL}.x-mandat-health.address",
        "one expression",
    ),
    (
        "health at an input",
        set_at(INSTALL, **{"x-mandat-health": HEALTH | {"address": "$inputs.name"}}),
        f"{INSTALL}.x-mandat-health.address",
        "not an output of a step",
    ),
    (
        "something created that nothing deletes",
        set_at("workflows[1].steps[0]", operationId="PUT /things/{name}/parts/{id}"),
        "workflows[1].steps",
        "nothing here deletes what the step 'create' creates",
    ),
    ("onSuccess", set_at(STEP, onSuccess=[]), f"{STEP}.onSuccess", "not part of the profile"),
    ("a workflow as step", set_at(STEP, workflowId="x"), f"{STEP}.workflowId", "not part of the profile"),
    ("two steps of one name", set_at(SECOND, stepId="create"), SECOND, "two steps 'create'"),
    ("a step name with a blank", set_at(STEP, stepId="a b"), f"{STEP}.stepId", "a name starts"),
    ("the engine's own step name", set_at(STEP, stepId="_account"), f"{STEP}.stepId", "a name starts"),
    ("no operation", lambda d: d["workflows"][0]["steps"][0].pop("operationId"), STEP, "names its operation"),
    ("unknown method", set_at(STEP, operationId="PATCH /things/{name}"), f"{STEP}.operationId", "PATCH is none"),
    ("small method", set_at(STEP, operationId="post /things/{name}"), f"{STEP}.operationId", "an operationId is"),
    (
        "an address",
        set_at(STEP, operationId="POST http://evil.test/{name}"),
        f"{STEP}.operationId",
        "an operationId is",
    ),
    ("a second slash", set_at(STEP, operationId="POST //evil.test/{name}"), f"{STEP}.operationId", "one '/'"),
    ("dot segments", set_at(STEP, operationId="POST /things/../{name}"), f"{STEP}.operationId", "path segment"),
    ("a star", set_at(STEP, operationId="POST /things/*/{name}"), f"{STEP}.operationId", "path segment"),
    ("an escape", set_at(STEP, operationId="POST /things%2F/{name}"), f"{STEP}.operationId", "path segment"),
    ("a query", set_at(STEP, operationId="POST /things/{name}?x=1"), f"{STEP}.operationId", "path segment"),
    ("half a parameter", set_at(STEP, operationId="POST /things/a{name}"), f"{STEP}.operationId", "path segment"),
    ("a parameter twice", set_at(STEP, operationId="POST /things/{name}/{name}"), f"{STEP}.operationId", "twice"),
    ("a parameter without value", set_at(STEP, parameters=None), f"{STEP}.parameters", "must be a list"),
    ("a value without parameter", set_at(STEP, operationId="POST /things"), STEP, "no parameter 'name'"),
    (
        "a header",
        set_at(f"{STEP}.parameters[0]", **{"in": "header"}),
        f"{STEP}.parameters[0].in",
        "'path' or in 'query'",
    ),
    (
        "a literal in the path",
        set_at(f"{STEP}.parameters[0]", value="a/b"),
        f"{STEP}.parameters[0].value",
        "is one expression",
    ),
    (
        "an embedded value in the path",
        set_at(f"{STEP}.parameters[0]", value="x-{$inputs.name}"),
        f"{STEP}.parameters[0].value",
        "is one expression",
    ),
    ("an unknown input", set_at(f"{STEP}.parameters[0]", value="$inputs.nobody"), STEP, "$inputs.nobody is not known"),
    (
        "a step that comes later",
        set_at(f"{STEP}.requestBody.payload", kind="$steps.read.outputs.kind"),
        STEP,
        "is not known here",
    ),
    (
        "an output nobody made",
        set_at(f"{SECOND}.parameters[1]", value="$steps.create.outputs.other"),
        SECOND,
        "is not known here",
    ),
    (
        "a script",
        set_at(f"{STEP}.requestBody.payload", kind="${__import__('os')}"),
        f"{STEP}.requestBody.payload.kind",
        "not an expression",
    ),
    (
        "a template language",
        set_at(f"{STEP}.requestBody.payload", kind="{$inputs.name|upper}"),
        f"{STEP}.requestBody.payload.kind",
        "not an expression",
    ),
    (
        "an open brace",
        set_at(f"{STEP}.requestBody.payload", kind="a {$inputs.name"),
        f"{STEP}.requestBody.payload.kind",
        "not closed",
    ),
    (
        "another part of the exchange",
        set_at(f"{STEP}.requestBody.payload", kind="$request.header.X"),
        f"{STEP}.requestBody.payload.kind",
        "not an expression",
    ),
    ("replacements", set_at(f"{STEP}.requestBody", replacements=[]), f"{STEP}.requestBody.replacements", "not part"),
    ("a form", set_at(f"{STEP}.requestBody", contentType="text/plain"), f"{STEP}.requestBody.contentType", "json"),
    ("a body that is a list", set_at(f"{STEP}.requestBody", payload=[1]), f"{STEP}.requestBody.payload", "mapping"),
    ("a GET with a body", set_at(SECOND, requestBody={"payload": {}}), f"{SECOND}.requestBody", "has no body"),
    (
        "a condition that is code",
        set_at(STEP, successCriteria=[{"condition": "$response.body#/x > 1 || exit()"}]),
        f"{STEP}.successCriteria[0]",
        "is simple",
    ),
    (
        "a condition that accepts failure",
        set_at(STEP, successCriteria=[{"condition": "$statusCode == 404"}]),
        f"{STEP}.successCriteria[0]",
        "200 to 299",
    ),
    (
        "a condition in a language",
        set_at(STEP, successCriteria=[{"condition": "$statusCode == 200", "type": "jsonpath"}]),
        f"{STEP}.successCriteria[0]",
        "is simple",
    ),
    (
        "two codes at once",
        set_at(STEP, successCriteria=[{"condition": "$statusCode == 200"}, {"condition": "$statusCode == 201"}]),
        f"{STEP}.successCriteria",
        "one status code",
    ),
    (
        "an output of a header",
        set_at(STEP, outputs={"id": "$response.header.X"}),
        f"{STEP}.outputs.id",
        "an output reads",
    ),
    (
        "words that need an answer",
        set_at(SECOND, description="Reads {$steps.create.outputs.id}"),
        SECOND,
        "words may only refer to inputs",
    ),
    ("inputs that are open", set_at("workflows[0].inputs", additionalProperties=True), "workflows[0].inputs", "false"),
    ("a reference", set_at(NAME, **{"$ref": "#/x"}), f"{NAME}.$ref", "not part of the profile"),
    ("an unknown type", set_at(NAME, type="array"), NAME, "one of string"),
    ("a text without bound", lambda d: _name(d).pop("maxLength"), NAME, "maxLength"),
    ("a huge text", set_at(NAME, maxLength=10**9), f"{NAME}.maxLength", "from 1 to 4000"),
    ("a pattern without ends", set_at(NAME, pattern="a+"), f"{NAME}.pattern", "starts with '^'"),
    ("a broken pattern", set_at(NAME, pattern="^($"), f"{NAME}.pattern", "not a regular expression"),
    ("required with default", set_at(NAME, default="x"), NAME, "either required or has a default"),
    (
        "a number without bounds",
        set_at("workflows[0].inputs.properties.size", maximum=None),
        "workflows[0]",
        "whole number",
    ),
    (
        "a default of another type",
        set_at("workflows[0].inputs.properties.size", default="x"),
        "workflows[0].inputs.properties.size.default",
        "input's type",
    ),
    (
        "a default that is a boolean",
        set_at("workflows[0].inputs.properties.size", default=True),
        "workflows[0].inputs.properties.size.default",
        "input's type",
    ),
    (
        "a default from nowhere",
        set_at("workflows[0].inputs.properties.kind", default="{$inputs.nobody}"),
        "workflows[0].inputs.properties.kind.default",
        "inputs before it",
    ),
    (
        "required but absent",
        set_at("workflows[0].inputs", required=["x"]),
        "workflows[0].inputs.required",
        "no input 'x'",
    ),
    (
        "a result that is no output",
        set_at("workflows[0].outputs", thing="$inputs.name"),
        "workflows[0].outputs",
        "output",
    ),
    (
        "an undo of what is not kept",
        set_at("workflows[1].steps[0].parameters[1]", value="$workflows.install.outputs.other"),
        "workflows[1].steps[0]",
        "is not known here",
    ),
    (
        "an undo that looks into steps",
        set_at("workflows[1].steps[0].parameters[1]", value="$steps.create.outputs.id"),
        "workflows[1].steps[0]",
        "is not known here",
    ),
    (
        "a name server type nobody knows",
        set_at(f"{STEP}.x-mandat-creates", dns="AXFR"),
        f"{STEP}.x-mandat-creates",
        "one of",
    ),
]


def _name(document: dict) -> dict:  # type: ignore[type-arg]
    found: dict = document["workflows"][0]["inputs"]["properties"]["name"]  # type: ignore[type-arg]
    return found


@pytest.mark.parametrize(
    ("change", "place", "reason"), [row[1:] for row in BAD_DOCUMENTS], ids=[r[0] for r in BAD_DOCUMENTS]
)
def test_a_document_outside_the_profile_is_refused_with_its_place(change: Change, place: str, reason: str) -> None:
    fault = refusal(changed(SMALL, change))
    assert fault.place.startswith(place), str(fault)
    assert reason in fault.reason, str(fault)
    assert fault.line >= 1


def test_the_line_is_the_one_in_the_file() -> None:
    lines = SMALL.splitlines()
    bad = next(index for index, line in enumerate(lines) if "operationId: POST" in line)
    lines[bad] = lines[bad].replace("POST", "BREW")
    assert refusal("\n".join(lines)).line == bad + 1


@pytest.mark.parametrize("stack_id", ["", "Small", "a b", "../x", "x" * 41])
def test_a_stack_id_is_a_plain_name(stack_id: str) -> None:
    assert "not a stack id" in refusal(SMALL, stack_id).reason


def test_the_library_documents_are_plain_yaml_for_others_too() -> None:
    for file in LIBRARY.glob("*.yaml"):
        assert YAML(typ="safe", pure=True).load(file.read_text("utf-8"))["arazzo"] == "1.0.1"
