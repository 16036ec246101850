"""`mandat audit ...`: the history, for auditors, witnesses, and people who want to be forgotten."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, Switch, UsageFault, find_config
from mandat.cli.output import complain, counted, say, say_json, say_table

app = App(name="audit", help="The history: export, heads, check, erase.", group="Administer")


@app.command(name="export")
def export_history(
    *,
    account: str | None = None,
    application: str | None = None,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    calls: Switch = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Print history as lines of JSON, with the hashes that prove it unchanged.

    Parameters
    ----------
    account
        Of this account.
    application
        About the application with this key.
    everything
        All of it, with its seals.
    calls
        What was done with the keys instead, minute by minute.
    """
    if (account is not None) + (application is not None) + everything != 1:
        raise UsageFault("Give one of --account, --application and --all.")
    from mandat.server.operations.audit import export_calls
    from mandat.server.operations.audit import export_history as export

    lines = export_calls if calls else export
    for line in lines(find_config(options), account=account, application=application):
        # Escaped by JSON: nothing in a line can steer a terminal.
        sys.stdout.write(json.dumps(line) + "\n")
        if line["type"] == "end" and line["entries"] == 0 and not everything:
            complain(
                f"Nothing is written about {account or application}.", "See `mandat account list` or `mandat app list`."
            )
    return 0


@app.command(name="heads")
def show_heads(*, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Print where history ends now, for somebody outside to keep: whoever has it can tell whether lines were taken off.

    Parameters
    ----------
    as_json
        Print what `mandat audit check` compares an export with.
    """
    from mandat.server.operations.audit import history_heads

    heads = history_heads(find_config(options))
    if as_json:
        say_json(heads)
        return 0
    seal = heads["seal"]
    say(
        "No history yet."
        if seal is None
        else f"Seal {seal['id']}, through entry {seal['through_id']}: {seal['digest']}"
    )
    rows = [(one["account"] or "(installation)", str(one["id"]), one["hash"]) for one in heads["accounts"]]
    say_table(counted(len(rows), "account"), ("account", "last entry", "hash"), rows)
    return 0


@app.command(name="check")
def check_export(export: Path, /, *, heads: Path | None = None, as_json: JsonFlag = False) -> int:
    """Check an export: no line changed, none missing. Needs nothing but the file. Exit status 1 when it is not whole.

    Parameters
    ----------
    export
        The file.
    heads
        What `mandat audit heads --json` printed earlier; must be in it.
    as_json
        Print {"scope": ..., "entries": ..., "erased": ..., "findings": [...]}.
    """
    from mandat.storage.operations.audit_export import check_export as check

    checked = check(_lines(export), heads=None if heads is None else _heads(heads))
    if as_json:
        say_json(
            {
                "scope": checked.scope,
                "entries": checked.entries,
                "erased": checked.erased,
                "findings": checked.findings,
            }
        )
    else:
        entries = counted(checked.entries, "entry", "entries")
        say(f"{entries} of {checked.scope or 'nothing'}, {checked.erased} with erased personal data.")
        say("Whole and unchanged." if not checked.findings else "Not as it was written:")
        for finding in checked.findings:
            complain(f"  {finding}")
    return 1 if checked.findings else 0


@app.command(name="erase")
def erase_account(*, account: str, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Erase the personal data of a closed account for good; its history keeps what happened and stays verifiable.

    Parameters
    ----------
    account
        The account, from `mandat account list`.
    as_json
        Print {"lines": ..., "kept": ...}.
    """
    from mandat.server.operations.audit import erase_account as erase

    erased = erase(find_config(options), account)
    if as_json:
        say_json({"lines": erased.lines, "kept": erased.kept})
        return 0
    lines = counted(erased.lines, "line")
    say(f"Erased: its logins, its addresses, and who, where from and details in {lines} of history.")
    if erased.kept:
        say(f"{erased.kept} lines were written by a version whose history cannot be emptied; they stay.")
    say("Backups still hold it until you let them expire.")
    return 0


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from lines
    except OSError as fault:
        raise UsageFault(f"The file {file} cannot be read ({fault.strerror}).") from None


def _heads(file: Path) -> dict[str, Any]:
    try:
        heads = json.loads("".join(_lines(file)))
        if isinstance(heads, dict) and isinstance(heads["accounts"], list) and "seal" in heads:
            return heads
    except (ValueError, KeyError):
        pass
    raise UsageFault(f"The file {file} does not hold what `mandat audit heads --json` prints.")
