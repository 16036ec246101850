"""`mandat stack`: for authors of stacks. Says what is wrong with a document and which rights it takes; runs it.

Everything about documents is the marketplace's own code, so that what passes here passes there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from mandat.cli.developers.stack_difference import difference_of, say_difference, wrong_versions
from mandat.cli.options import ApiOptions, JsonFlag, Switch, UsageFault
from mandat.cli.output import counted, say, say_json

if TYPE_CHECKING:
    from mandat.marketplace.stacks.rehearsal import Happened
    from mandat.marketplace.stacks.values import Stack, Step

app = App(name="stack", help="Stacks of a marketplace: check a document, run it.", group="Use")

ENDING = ".arazzo.yaml"
NO_OPTIONS = ApiOptions()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the verdict. `line` is 0 where no single line is to blame."""

    line: int
    place: str
    message: str

    def as_fields(self) -> dict[str, Any]:
        """As --json prints it."""
        return {"line": self.line, "place": self.place, "message": self.message}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a document. `upgrade` is None when it was not held against an older one."""

    stack: "Stack"
    rights: list[dict[str, Any]]
    findings: list[Finding]
    upgrade: dict[str, Any] | None

    def as_fields(self) -> dict[str, Any]:
        """As --json prints it."""
        fields: dict[str, Any] = {
            "stack": self.stack.id,
            "version": self.stack.version,
            "findings": [one.as_fields() for one in self.findings],
            "rules": self.rights,
        }
        return fields if self.upgrade is None else {**fields, "upgrade": self.upgrade}


@app.command
def check(
    file: Path,
    /,
    *,
    given: Annotated[list[str] | None, Parameter(name="--input", negative_iterable="")] = None,
    against: Path | None = None,
    endpoint: str | None = None,
    as_json: JsonFlag = False,
) -> int:
    """Say what is wrong with a stack document, and which rights it takes. Exit status 1 when something is wrong.

    Parameters
    ----------
    file
        The document, NAME.arazzo.yaml.
    given
        An input as NAME=VALUE, to see the rules for it; examples and defaults stand in for others. May be repeated.
    against
        The document of an older version: say what an upgrade from it would do, and which rights it changes.
    endpoint
        A name such as ovh-eu, or an http(s) URL: its API description is asked whether every operation exists.
    as_json
        Print {"stack", "version", "findings": [...], "rules": [...]}, with --against also "upgrade".
    """
    from mandat.marketplace.stacks.proof import prove
    from mandat.marketplace.stacks.yaml_text import StackRefused

    try:
        stack = _compile(file)
    except StackRefused as fault:
        return _tell_refusal(file, Finding(fault.line, fault.place, fault.reason), as_json=as_json)
    try:
        old = None if against is None else _compile(against)
    except StackRefused as fault:
        return _tell_refusal(against or file, Finding(fault.line, fault.place, fault.reason), as_json=as_json)
    values = _values(stack, given or [], examples=True)
    findings = [Finding(0, place, message) for place, message in prove(stack, values)]
    if endpoint is not None:
        findings += [Finding(0, place, message) for place, message in _unknown_operations(stack, endpoint)]
    rights = _rights(stack, values)
    upgrade = None
    if old is not None:
        if old.id == stack.id:
            shared = [each for each in given or [] if each.partition("=")[0] in {one.name for one in old.inputs.fields}]
            upgrade = difference_of(stack, values, old, _values(old, shared, examples=True))
        findings += [Finding(0, "info.version", each) for each in wrong_versions(stack, old)]
    verdict = Verdict(stack, rights, findings, upgrade)
    if as_json:
        say_json(verdict.as_fields())
    else:
        _say_verdict(verdict, by_examples=not given)
    return 1 if findings else 0


@app.command
def run(
    file: Path,
    /,
    *,
    given: Annotated[list[str] | None, Parameter(name="--input", negative_iterable="")] = None,
    undo: Switch = False,
    as_json: JsonFlag = False,
    options: ApiOptions = NO_OPTIONS,
) -> int:
    """Run a stack with a consumer key that covers it, and print each step. Exit status 1 when it stopped.

    Parameters
    ----------
    file
        The document, NAME.arazzo.yaml.
    given
        An input as NAME=VALUE. May be repeated; all required ones are needed.
    undo
        Afterwards, or when a step failed, run the uninstall steps for what was created.
    as_json
        Print one object for each step.
    """
    from mandat.marketplace.stacks.rehearsal import Rehearsal
    from mandat.marketplace.stacks.yaml_text import StackRefused

    try:
        stack = _compile(file)
    except StackRefused as fault:
        return _tell_refusal(file, Finding(fault.line, fault.place, fault.reason), as_json=as_json)
    values = _values(stack, given or [], examples=False)
    with options.client() as client:
        tell = _say_json_step if as_json else _say_step
        rehearsal = Rehearsal(stack, values, client=client, sleep=time.sleep, tell=tell)
        installed = rehearsal.install()
        undone = rehearsal.undo() if undo else True
    return 0 if installed and undone else 1


def _say_verdict(verdict: Verdict, *, by_examples: bool) -> None:
    stack = verdict.stack
    say(f"{stack.title} {stack.version}: {counted(len(stack.install), 'step')}, {len(stack.uninstall)} to uninstall.")
    say("Rights it asks for" + (", with the document's own examples" if by_examples else "") + ":")
    for right in verdict.rights:
        say(f"  {right['rule']}    needed by {', '.join(right['steps'])}")
    if verdict.upgrade is not None:
        say_difference(verdict.upgrade)
    for one in verdict.findings:
        say(f"{one.place}: {one.message}")
    if not verdict.findings:
        say("Each rule is needed by a step, each call is covered, and no rule reaches beyond what was typed.")


def _say_step(happened: "Happened") -> None:
    mark = "done   " if happened.problem is None else "stopped"
    outputs = "".join(f"  {name}={value}" for name, value in happened.outputs.items())
    say(f"{mark}  {happened.step_id}: {happened.words}{outputs}")
    if happened.problem is not None:
        say(f"         {happened.call}: {happened.problem}")
    if happened.query_id is not None:
        say(f"         request {happened.query_id}")


def _say_json_step(happened: "Happened") -> None:
    say_json(
        {
            "step": happened.step_id,
            "done": happened.problem is None,
            "operation": happened.call,
            "outputs": happened.outputs,
            "queryId": happened.query_id,
            "problem": happened.problem,
        }
    )


def _compile(file: Path) -> "Stack":
    from mandat.marketplace.stacks.compiler import compile_stack
    from mandat.marketplace.stacks.shelf import stack_id_of
    from mandat.marketplace.stacks.yaml_text import MAX_STACK_BYTES, StackRefused

    if not file.name.endswith(ENDING):
        raise UsageFault(f"A stack document is called NAME{ENDING} or NAME@VERSION{ENDING}, and {file.name} is not.")
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_STACK_BYTES + 1)
    except OSError as error:
        raise UsageFault(f"{file} cannot be read: {error.strerror}") from error
    try:
        return compile_stack(raw.decode("utf-8"), stack_id=stack_id_of(file.name)[0])
    except UnicodeDecodeError:
        raise StackRefused("this is not UTF-8", place="", line=1) from None


def _tell_refusal(file: Path, finding: Finding, *, as_json: bool) -> int:
    if as_json:
        found = finding.as_fields()
        say_json({"stack": file.name.removesuffix(ENDING), "version": None, "findings": [found], "rules": []})
    else:
        say(f"{file}:{finding.line}: {finding.place or 'document'}: {finding.message}")
    return 1


def _values(stack: "Stack", given: list[str], *, examples: bool) -> dict[str, Any]:
    from mandat.marketplace.stacks.inputs import Misfit, check_typed

    typed = {field.name: field.example for field in stack.inputs.fields if examples and field.required}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageFault(f"--input {one!r} is not NAME=VALUE.")
        typed[name] = value
    checked = check_typed(stack.inputs, typed)
    if isinstance(checked, Misfit):
        lines = [f"{name or 'inputs'}: {problem}" for name, problem in checked.problems.items()]
        raise UsageFault("The inputs do not fit. " + " ".join(lines))
    return checked.values


def _rights(stack: "Stack", values: dict[str, Any]) -> list[dict[str, Any]]:
    from mandat.marketplace.stacks.rights import derive_rights

    return [
        {"rule": str(right.rule), "steps": list(right.steps) or ["the marketplace, to see which account answered"]}
        for right in derive_rights(stack, values)
    ]


def _unknown_operations(stack: "Stack", endpoint: str) -> Iterator[tuple[str, str]]:
    """Operations that the descriptions of the API at `endpoint` do not have."""
    from mandat.client import Client, ResourceNotFound

    known: dict[str, set[tuple[str, str]]] = {}
    with Client(endpoint) as client:
        for place, step in _all_steps(stack):
            path = str(step.operation).partition(" ")[2]
            section = path.split("/")[1]
            if section not in known:
                try:
                    document = client.call("GET", f"/{section}.json", None, False)
                except ResourceNotFound:
                    document = {}
                known[section] = set(_described(document))
            if (step.operation.method, _shape(path)) not in known[section]:
                yield place, f"{endpoint} describes no operation {step.operation}"


def _all_steps(stack: "Stack") -> Iterator[tuple[str, "Step"]]:
    for name, steps in (("install", stack.install), ("uninstall", stack.uninstall)):
        for step in steps:
            yield f"{name}.{step.id}", step


def _described(document: Any) -> Iterator[tuple[str, str]]:
    for api in document.get("apis", []):
        for operation in api.get("operations", []):
            yield operation["httpMethod"], _shape(api["path"])


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
