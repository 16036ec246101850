"""The entry of the command line: which commands there are, and what becomes of their failures.

Exit status: 0 done; 1 refused or failed; 2 the command was given wrongly; 130 interrupted.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from cyclopts import App

from mandat.cli import running
from mandat.cli.developers import calling, rules, stacks
from mandat.cli.failures import INTERRUPTED, OK, explain
from mandat.cli.operators import (
    accounts,
    application_secrets,
    applications,
    audit,
    backup,
    deploying,
    explaining,
    keys,
    migrating,
    verification,
)
from mandat.cli.output import complain
from mandat.cli.sandbox import commands as sandbox

app = App(
    name="mandat",
    help="Delegated API access: run it, administer it, ask for rights, call. Exit status: 0 done, 1 refused or failed,"
    " 2 wrongly given.",
    version_flags=[],
    default_command=None,
)
_COMMANDS: dict[str, tuple[Callable[..., int], ...]] = {
    "Run": (running.serve, running.demo, running.marketplace, running.init, deploying.deploy),
    "Use": (calling.request, calling.approve, calling.call, calling.sign),
}
for _group, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(_command, group=_group)
for _name, _command in application_secrets.COMMANDS.items():
    applications.app.command(_command, name=_name)
for _command in (explaining.explain, verification.verify, backup.backup, backup.restore, migrating.migrate):
    app.command(_command, group="Administer")
for _topic in (sandbox.app, keys.app, audit.app, applications.app, accounts.account, rules.app, stacks.app):
    app.command(_topic)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit status. Failures that are understood become sentences."""
    try:
        status = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        complain(failure.what, failure.advice)
        return failure.status
    return status if isinstance(status, int) else OK


def main() -> None:
    """What `mandat` runs."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
