"""`mandat rules check`: reads a list of access rules before a customer does."""

import json
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App

from mandat.cli.options import JsonFlag, UsageFault
from mandat.cli.output import counted, say, say_json
from mandat.protocol.access_rule import RULE_METHODS, AccessRule

app = App(name="rules", help="Access rules: check them before asking.", group="Use")


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the verdict. `level` is "error" for what a server refuses, else what the lint calls it."""

    level: str
    rule: str
    message: str


@app.command
def check(*rules: str, file: Path | None = None, as_json: JsonFlag = False) -> int:
    """Say what is wrong or unwise about a list of rules. Exit status 1 when a server would refuse them.

    Parameters
    ----------
    rules
        Each a method and a path, such as "GET /me".
    file
        One rule per line (# starts a comment), or JSON: a list, or an object with accessRules.
    as_json
        Print {"rules": ..., "findings": [{"level", "rule", "message"}]}.
    """
    texts = [*rules, *(_read(file) if file is not None else ())]
    if not texts:
        raise UsageFault('Give rules such as "GET /me", or --file.')
    accepted: list[AccessRule] = []
    remarks: list[Remark] = []
    for text in texts:
        rule = _parse(text)
        if isinstance(rule, Remark):
            remarks.append(rule)
        else:
            accepted.append(rule)
    remarks += _lint(accepted)
    if as_json:
        findings = [{"level": one.level, "rule": one.rule, "message": one.message} for one in remarks]
        say_json({"rules": len(texts), "findings": findings})
    else:
        for one in remarks:
            say(f"{one.level}: {one.rule}: {one.message}")
        say(f"{counted(len(texts), 'rule')}, {counted(len(remarks), 'finding')}.")
    return 1 if any(remark.level == "error" for remark in remarks) else 0


def _parse(text: str) -> AccessRule | Remark:
    from mandat.protocol.target import check_pattern

    method, _, path = text.lstrip().partition(" ")
    path = path.lstrip(" ")
    if not path:
        return Remark("error", text, 'is not a method and a path, such as "GET /me"')
    if method.upper() not in RULE_METHODS:
        return Remark("error", text, f"the method must be one of {', '.join(RULE_METHODS)}")
    why = check_pattern(path)
    return AccessRule(method.upper(), path) if why is None else Remark("error", text, f"the path {why}")


def _lint(rules: list[AccessRule]) -> list[Remark]:
    from mandat.core.lint import lint_rules

    return [Remark(finding.level, str(finding.rule), finding.message) for finding in lint_rules(rules)]


def _read(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{file} cannot be read: {error}") from error
    if text.lstrip()[:1] not in ("[", "{"):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [line for line in lines if line]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageFault(f"{file} is not JSON: {error}") from error
    listed = document.get("accessRules") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise UsageFault(f"{file} holds no list of rules.")
    return [_as_text(item) for item in listed]


def _as_text(item: object) -> str:
    match item:
        case str():
            return item
        case {"method": str(method), "path": str(path)}:
            return f"{method} {path}"
        case _:
            return json.dumps(item)
