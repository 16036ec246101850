"""A customer's installations: the list, one with its progress, the way back from the provider, and what can be done."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import NotAsked
from mandat.marketplace.installs.health import site_of
from mandat.marketplace.installs.ledger import (
    ACCOUNT_STEP,
    HEALTH_STEP,
    REMOVAL_MARK,
    Work,
    is_done,
    removal_rights,
    removers,
    work_of,
)
from mandat.marketplace.pages.catalogue import grouped, shown_inputs, target_of
from mandat.marketplace.pages.fields import PageRefusal
from mandat.marketplace.pages.page import FORM_TOKEN, AnyRequest, Page, open_page, read, write
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import Effect, NeededRight, derive_rights
from mandat.marketplace.stacks.values import Creation, Stack
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import AT_WORK, REMOVAL, Event, StepState, sources
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.values import Connection, Installation, ProblemKind, StepRecord


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One line of the progress list."""

    words: str
    state: StepState
    tries: int
    query_id: str | None
    waits: bool


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One line of what was created. `check` is a command to see it with, or ""."""

    what: str
    name: str
    value: str
    ids: str
    check: str
    removed: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything a page says about one installation."""

    installation: Installation
    stack: Stack
    target: str
    steps: list[ShownStep]
    done: int
    connection: Connection | None
    results: list[ShownResult]
    can_change_account: bool
    rights: list[tuple[Effect, list[NeededRight]]]
    removing: bool
    can_undo: bool
    can_forget: bool
    complete: bool
    site: str


_ACTIONS = ("ask", "retry", "check", "cancel", "keep", "forget", "remove")


@read("/installations")
async def list_installations(request: AnyRequest) -> ASGIResponse:
    """All of this customer's."""
    page = await open_page(request)
    member = page.member()
    views = await page.site.read(lambda: [_line(page, each) for each in _own(page, member)])
    return page.render("installations.html", views=views, current="/installations")


@read("/installations/{installation_id:str}")
async def show_installation(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """One: its progress while it runs, and afterwards what came of it."""
    page = await open_page(request)
    installation = await find_installation(page, installation_id)
    return await _show(page, installation)


@read("/installations/{installation_id:str}/return")
async def come_back(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """The way back from the validation page. What came of it is on the installation's own page."""
    page = await open_page(request)
    member = page.member()
    installation = await find_installation(page, installation_id)
    await page.site.call(page.site.desk.come_back, member, installation, page.site.origin + page.here)
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/ask")
async def ask_again(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """One more permission request for the same installation."""
    page = await open_page(request)
    form = await page.form()
    member = page.member()
    installation = await find_installation(page, installation_id)
    page.check(form, "ask", installation.id)
    page.limit_orders(member)
    outcome = await page.site.call(page.site.desk.ask_again, member, installation)
    if outcome is None:
        return page.go(f"/installations/{installation.id}")
    if isinstance(outcome, NotAsked):
        return await _show(page, installation, not_asked=outcome, status=502)
    return page.send_off(outcome.validation_url, f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/retry")
async def try_again(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Goes on with the step that failed, of installing or of removing."""
    page = await open_page(request)
    form = await page.form()
    page.member()
    installation = await find_installation(page, installation_id)
    page.check(form, "retry", installation.id)
    await page.site.call(page.site.desk.try_again, installation)
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/check")
async def check_permission(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Asks the provider whether the permission still holds."""
    page = await open_page(request)
    form = await page.form()
    page.member()
    installation = await find_installation(page, installation_id)
    page.check(form, "check", installation.id)
    await page.site.call(page.site.desk.check_permission, installation)
    return page.go(f"/installations/{installation.id}?checked#permission")


async def find_installation(page: Page, installation_id: str) -> Installation:
    member = page.member()
    found = await page.site.read(page.site.books.installations.find_own, member.user_id, installation_id)
    if found is None:
        raise PageRefusal(404, _("You have no such installation."))
    return found


async def _show(
    page: Page, installation: Installation, *, not_asked: NotAsked | None = None, status: int = 200
) -> ASGIResponse:
    view = await page.site.read(view_of, page, installation)
    running = installation.state in AT_WORK
    origin = page.registration.validation_origin if page.registration else None
    return page.render(
        "installation.html",
        status=status,
        live=running,
        form_action=[origin] if origin else [],
        view=view,
        inputs=shown_inputs(view.stack, installation.inputs),
        rights=view.rights,
        not_asked=not_asked,
        provider_host=origin.partition("://")[2] if origin else "your provider",
        rights_url=page.site.settings.rights_url,
        checked="checked" in page.query().values,
        tokens={action: {FORM_TOKEN: page.token(action, installation.id)} for action in _ACTIONS},
        current="/installations",
    )


def view_of(page: Page, installation: Installation) -> View:
    """Reads what there is to say. Blocks: call it in a thread."""
    books = page.site.books
    stack = books.shelf.get_ordered(installation.stack_id, installation.digest)
    records = {record.step_id: record for record in books.installations.list_steps(installation.id)}
    removing = installation.state in REMOVAL
    connection_id = installation.removal_connection_id if removing else installation.connection_id
    connection = None
    if connection_id is not None:
        connection = books.permissions.find_connection(installation.user_id, connection_id)
    work = work_of(stack, installation, records)
    steps = [_step(_("See which account you answered with"), records[work.account_step])]
    scope = work.scope if removing else as_scope(installation.inputs)
    steps += [
        _step(resolve_text(step.words, scope), records[step_id], waits=step.retry is not None)
        for step_id, step in work.steps.items()
    ]
    if HEALTH_STEP in records and stack.health is not None and not removing:
        steps.append(_step(resolve_text(stack.health.words, scope), records[HEALTH_STEP], waits=True))
    plan = page.site.removals.plan(installation)
    done = sum(step.state is StepState.DONE for step in steps)
    nothing_made = not any(is_done(records, name) for name in records if not name.endswith(ACCOUNT_STEP))
    problem = installation.problem
    return View(
        installation=installation,
        stack=stack,
        target=target_of(stack, installation.inputs),
        steps=steps,
        done=done,
        connection=connection,
        results=_results(page, stack, installation.inputs, records),
        can_change_account=nothing_made and problem is not None and problem.kind is ProblemKind.STEP_REFUSED,
        rights=grouped(_rights(stack, installation, records)),
        removing=removing,
        can_undo=bool(plan.steps) and installation.state in sources(Event.REMOVAL_ASKED),
        can_forget=page.site.removals.may_forget(installation),
        complete=plan.complete,
        site=_site(stack, work) if is_done(records, HEALTH_STEP) and not removing else "",
    )


def _site(stack: Stack, work: Work) -> str:
    """Where the result can be looked at, once it was seen to answer."""
    if stack.health is None:
        return ""
    address, port = site_of(stack.health, work.scope)
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}/" if port == 80 else f"http://{host}:{port}/"


def _rights(stack: Stack, installation: Installation, records: dict[str, StepRecord]) -> Sequence[NeededRight]:
    """What the present permission is for."""
    if installation.state not in REMOVAL:
        return derive_rights(stack, installation.inputs)
    known = {right.rule: right for right in removal_rights(stack, installation, records, done_too=True)}
    return [known[rule] for rule in installation.removal_rules if rule in known]


def _line(page: Page, installation: Installation) -> tuple[Installation, Stack, str, dict[str, str]]:
    """One line of the list, with the token of its "delete" button where it may leave the list."""
    stack = page.site.books.shelf.get_ordered(installation.stack_id, installation.digest)
    may_leave = page.site.removals.may_forget(installation)
    token = {FORM_TOKEN: page.token("forget", installation.id)} if may_leave else {}
    return installation, stack, target_of(stack, installation.inputs), token


def _own(page: Page, member: OpenSession) -> list[Installation]:
    return page.site.books.installations.list_own(member.user_id)


def _step(words: str, record: StepRecord, *, waits: bool = False) -> ShownStep:
    return ShownStep(words, record.state, record.tries, record.query_id, waits)


def _results(
    page: Page, stack: Stack, inputs: dict[str, JsonValue], records: dict[str, StepRecord]
) -> list[ShownResult]:
    scope = as_scope(inputs)
    results = []
    for step in stack.install:
        record = records[step.id]
        if step.creation is None or record.state is not StepState.DONE:
            continue
        name = resolve_text(step.creation.name, scope)
        results.append(
            ShownResult(
                what=step.creation.what,
                name=name,
                value=resolve_text(step.creation.value, scope),
                ids=ids_of(record),
                check=dig_line(step.creation, name, page.site.settings.dns_server),
                removed=any(is_done(records, REMOVAL_MARK + each.id) for each in removers(stack, step)),
            )
        )
    return results


def ids_of(record: StepRecord) -> str:
    """What the provider calls what a step created."""
    return ", ".join(str(value) for value in (record.outputs or {}).values())


def dig_line(creation: Creation, name: str, dns_server: str | None) -> str:
    """The command that shows a DNS record; "" where there is none. `dns_server` is "HOST:PORT" or None."""
    if creation.dns is None:
        return ""
    words = ["dig", "+short"]
    if dns_server:
        host, _, port = dns_server.rpartition(":")
        words += [f"@{host.strip('[]')}", "-p", port]
    return shlex.join([*words, name, creation.dns])
