"""The life of a task: todo, doing, done or error; cancelled and started anew on request.

A task's work is a function of the table of its product, done inside the transaction in which it ends. Time passes by
the sandbox's clock: whoever looks at anything first settles what is due, so that no caller ever sees a stale state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Desk
from mandat.sandbox.store.tasks import (
    Task,
    draw_task_id,
    find_waiting_task,
    forget_old_tasks,
    put_task,
)

WAIT_SECONDS = 0.5
"""How long a task stays `todo`: long enough to be seen, short enough for a person who waits."""

MOST_AT_ONCE = 100
"""Tasks settled in one transaction; the keeper comes again for the rest."""


class TaskState(StrEnum):
    """Where a task is. The words are OVH's (wire.md 10)."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"


class TaskFault(Exception):
    """A task's work could not be done; `str()` becomes the task's comment."""


def _nothing(desk: Desk, task: Task) -> None:
    """For work that leaves nothing to tidy up when it fails."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a task does when it ends: `finish`, which raises TaskFault when it cannot, and then `give_up` instead."""

    finish: Callable[[Desk, Task], None]
    give_up: Callable[[Desk, Task], None] = _nothing


Performers = Mapping[tuple[str, str], Work]
"""Work by product and function."""

MAY: dict[str, frozenset[TaskState]] = {
    "accelerate": frozenset({TaskState.TODO}),
    "cancel": frozenset({TaskState.TODO}),
    "relaunch": frozenset({TaskState.ERROR, TaskState.CANCELLED}),
}
"""In which states a customer may do what to a task."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a handler starts. `run_seconds`: how long it is `doing`."""

    product: str
    subject: str
    function: str
    payload: JsonValue = None
    run_seconds: float = 0.5


def start_task(desk: Desk, order: Order) -> Task:
    """Accepts `order` for the account of the desk."""
    now = desk.now
    task = Task(
        id=draw_task_id(desk.connection, desk.entropy),
        account=desk.account,
        product=order.product,
        subject=order.subject,
        function=order.function,
        state=TaskState.TODO,
        created=now,
        starts=now + WAIT_SECONDS,
        ends=now + WAIT_SECONDS + order.run_seconds,
        updated=now,
        payload=order.payload,
        doomed=desk.doomed,
    )
    put_task(desk.connection, task)
    forget_old_tasks(desk.connection, order.product, order.subject)
    desk.effects.tasks_wait = True
    return task


def change_task(desk: Desk, task: Task, wish: str) -> Task | None:
    """`task` accelerated, cancelled or relaunched; None when its state does not allow that."""
    if task.state not in MAY[wish]:
        return None
    run_seconds = task.ends - task.starts
    match wish:
        case "cancel":
            changed = replace(task, state=TaskState.CANCELLED)
        case "accelerate":
            changed = replace(task, starts=desk.now, ends=desk.now)
        case _:
            starts = desk.now + WAIT_SECONDS
            changed = replace(
                task, state=TaskState.TODO, starts=starts, ends=starts + run_seconds, doomed=False, comment=None
            )
    changed = replace(changed, updated=desk.now)
    put_task(desk.connection, changed)
    desk.effects.tasks_wait = True
    return changed


def settle(desk: Desk, performers: Performers) -> float | None:
    """Brings every task to where it is at the desk's time, in the order in which things happened.

    Returns:
        When the next thing is due, or None when nothing waits.
    """
    for _ in range(MOST_AT_ONCE):
        task = find_waiting_task(desk.connection)
        if task is None:
            return None
        if due_at(task) > desk.now:
            return due_at(task)
        put_task(desk.connection, _next(desk, task, performers))
    return desk.now


def due_at(task: Task) -> float:
    """When something happens to a task that waits."""
    return task.starts if task.state == TaskState.TODO else task.ends


def _next(desk: Desk, task: Task, performers: Performers) -> Task:
    if task.state == TaskState.TODO:
        return replace(task, state=TaskState.DOING, updated=task.starts)
    work, desk = performers[task.product, task.function], replace(desk, account=task.account)
    desk.connection.execute("SAVEPOINT work")
    try:
        if task.doomed:
            raise TaskFault("The fault switch made this task fail")
        work.finish(desk, task)
    except TaskFault as fault:
        desk.connection.execute("ROLLBACK TO work")
        work.give_up(desk, task)
        ended = replace(task, state=TaskState.ERROR, updated=task.ends, comment=str(fault))
    else:
        ended = replace(task, state=TaskState.DONE, updated=task.ends)
    desk.connection.execute("RELEASE work")
    return ended
