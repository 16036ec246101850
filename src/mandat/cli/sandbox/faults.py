"""`mandat sandbox fault`: orders what is to go wrong. A running sandbox notices at its next call."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from mandat.cli.options import AnyText, JsonFlag, Switch, UsageFault
from mandat.cli.output import say, say_json, say_table
from mandat.cli.sandbox.data import explained, find_folder, shown

if TYPE_CHECKING:
    from mandat.sandbox.store.faults import Fault, FaultAction

app = App(name="fault", help="Make calls of the sandbox go wrong on purpose: set, list, clear.")


@app.command(name="set")
def set_fault(  # noqa: PLR0913  one parameter for each option
    operation: str,
    /,
    *,
    fail: int | None = None,
    message: AnyText | None = None,
    hang: Switch = False,
    late: float | None = None,
    break_: Annotated[bool, Parameter(name="--break", negative="")] = False,
    after: Switch = False,
    times: int = 1,
    always: Switch = False,
    account: str | None = None,
    data: Path | None = None,
    as_json: JsonFlag = False,
) -> int:
    """Order a fault: the next calls of an operation fail, hang, are answered late, or start what ends in an error.

    Parameters
    ----------
    operation
        Method and path as the description has them, such as "POST /domain/zone/{zoneName}/record".
    fail
        Answer with this status: 400, 401, 403, 404, 409, 413, 429, 500, 502, 503 or 504.
    message
        What a failing call says.
    hang
        Never answer.
    late
        Answer this many seconds late.
    break_
        Accept the call, and let the task or instance that it starts end in an error.
    after
        Carry the call out first, and disturb only its answer.
    times
        How many calls meet the fault.
    always
        All calls meet it, until it is cleared.
    account
        Only calls of this account.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print {"id": ...}.
    """
    from mandat.sandbox.operating.fault_switch import order_fault
    from mandat.sandbox.store.faults import Fault

    action = _one_action(fail=fail is not None, hang=hang, late=late is not None, break_=break_)
    if break_ and after:
        raise UsageFault("--after says when an answer is disturbed, and --break disturbs none.")
    ordered = Fault(operation, action, int(time.time()), account, after, fail, message, late, None if always else times)
    with explained():
        fault_id = order_fault(find_folder(data), ordered)
    if as_json:
        say_json({"id": fault_id})
    else:
        met = "All calls" if always else f"The next {times} calls" if times > 1 else "The next call"
        say(f"Fault {fault_id}. {met} of {operation}: {ordered.in_words()}.")
    return 0


@app.command(name="list")
def list_faults(*, data: Path | None = None, as_json: JsonFlag = False) -> int:
    """List the faults that are ordered, used up ones included.

    Parameters
    ----------
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print a list of {"id", "operation", "does", "account", "remaining", "hits"}; remaining is null for always.
    """
    from mandat.sandbox.operating.fault_switch import ordered_faults

    with explained():
        faults = ordered_faults(find_folder(data))
    if as_json:
        say_json([_fault_fields(each) for each in faults])
    elif not faults:
        say("No faults are ordered.")
    else:
        rows = [[shown(value) for value in _fault_fields(each).values()] for each in faults]
        say_table("Faults", ("id", "operation", "does", "account", "left", "met"), rows)
    return 0


@app.command(name="clear")
def clear_faults(fault_id: int | None = None, /, *, data: Path | None = None) -> int:
    """Forget one fault, or all. Exit status 1 when there was none.

    Parameters
    ----------
    fault_id
        Its number in the list; all when not given.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    """
    from mandat.sandbox.operating import fault_switch

    with explained():
        count = fault_switch.clear_faults(find_folder(data), fault_id)
    say(f"Forgot {count} fault{'' if count == 1 else 's'}.")
    return 0 if count else 1


def _one_action(*, fail: bool, hang: bool, late: bool, break_: bool) -> "FaultAction":
    from mandat.sandbox.store.faults import FaultAction

    chosen = {FaultAction.FAIL: fail, FaultAction.HANG: hang, FaultAction.LATE: late, FaultAction.BREAK: break_}
    actions = [action for action, is_chosen in chosen.items() if is_chosen]
    if len(actions) != 1:
        raise UsageFault("Say what is to happen: one of --fail STATUS, --hang, --late SECONDS, --break.")
    return actions[0]


def _fault_fields(ordered: "Fault") -> dict[str, object]:
    return {
        "id": ordered.id,
        "operation": ordered.operation,
        "does": ordered.in_words(),
        "account": ordered.account,
        "remaining": ordered.remaining,
        "hits": ordered.hits,
    }
