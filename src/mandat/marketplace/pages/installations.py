"""A customer's installations: the list, one with its progress, the way back from the provider, and what can be done."""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import NotAsked
from mandat.marketplace.installs.health import site_of
from mandat.marketplace.installs.layers import REMOVAL_MARK, Layer, Records, is_done, layers_of
from mandat.marketplace.installs.ledger import ACCOUNT_STEP, Work, removal_rights, work_of
from mandat.marketplace.installs.upgrade import upgrade_rights
from mandat.marketplace.pages.catalogue import grouped, shown_inputs, target_of
from mandat.marketplace.pages.frame.own_installation import find_installation, open_form
from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, open_page, read, write
from mandat.marketplace.pages.results import ShownResult, results_of
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.rights import Effect, NeededRight, derive_rights
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.states import AT_WORK, REMOVAL, Event, State, StepState, sources
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
    upgrading: bool
    going_back: bool
    goal: Stack
    newer: Stack | None
    may_go_back: bool
    ended: bool
    upgrade_begun: bool


_ACTIONS = ("ask", "retry", "check", "cancel", "keep", "forget", "remove", "ask-upgrade", "keep-upgrade")


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
    page, installation = await open_form(request, installation_id, "ask")
    member = page.member()
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
    page, installation = await open_form(request, installation_id, "retry")
    await page.site.call(page.site.desk.try_again, installation)
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/check")
async def check_permission(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Asks the provider whether the permission still holds."""
    page, installation = await open_form(request, installation_id, "check")
    await page.site.call(page.site.desk.check_permission, installation)
    return page.go(f"/installations/{installation.id}?checked#permission")


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
        inputs=shown_inputs(view.stack.inputs.fields, installation.inputs),
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
    layers = layers_of(books.shelf, installation)
    stack = layers[0].stack
    records = {record.step_id: record for record in books.installations.list_steps(installation.id)}
    removing = installation.state in REMOVAL
    connection_id = _connection_id(installation)
    connection = None
    if connection_id is not None:
        connection = books.permissions.find_connection(installation.user_id, connection_id)
    work = work_of(layers, installation, records)
    steps = _steps(work, records)
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
        results=[line for layer in layers for line in results_of(page, layer, layers, records)],
        can_change_account=nothing_made and problem is not None and problem.kind is ProblemKind.STEP_REFUSED,
        rights=grouped(_rights(layers, installation, records)),
        removing=removing,
        can_undo=bool(plan.steps) and installation.state in sources(Event.REMOVAL_ASKED),
        can_forget=page.site.removals.may_forget(installation),
        complete=plan.complete,
        site=_site(work) if is_done(records, work.health_step) else "",
        upgrading=bool(installation.pending),
        going_back=bool(installation.pending) and installation.pending[-1].undoes,
        goal=layers[-1].stack,
        newer=page.site.upgrades.find_newer(installation),
        may_go_back=page.site.upgrades.may_undo(installation),
        ended=installation.edition > 0 and installation.state is State.INSTALLED,
        upgrade_begun=page.site.upgrades.begun(installation),
    )


def _connection_id(installation: Installation) -> int | None:
    """The permission that what is done at present is done with."""
    if installation.state in REMOVAL:
        return installation.removal_connection_id
    return installation.upgrade_connection_id if installation.pending else installation.connection_id


def _steps(work: Work, records: Records) -> list[ShownStep]:
    steps = [_step(_("See which account you answered with"), records[work.account_step])]
    shown: list[tuple[str, ShownStep]] = [
        (
            step_id,
            _step(resolve_text(step.words, work.scopes[step_id]), records[step_id], waits=step.retry is not None),
        )
        for step_id, step in work.steps.items()
    ]
    steps += [step for step_id, step in shown if not step_id.startswith(REMOVAL_MARK) or work.removing]
    if work.health_step in records and work.health is not None:
        words = resolve_text(work.health.words, work.scopes[work.health_step])
        steps.append(_step(words, records[work.health_step], waits=True))
    return steps + [step for step_id, step in shown if step_id.startswith(REMOVAL_MARK) and not work.removing]


def _site(work: Work) -> str:
    """Where the result can be looked at, once it was seen to answer."""
    if work.health is None:
        return ""
    address, port = site_of(work.health, work.scopes[work.health_step])
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}/" if port == 80 else f"http://{host}:{port}/"


def _rights(layers: list[Layer], installation: Installation, records: Records) -> Sequence[NeededRight]:
    """What the present permission is for."""
    if installation.state in REMOVAL:
        known = {right.rule: right for right in removal_rights(layers, records, done_too=True)}
        return [known[rule] for rule in installation.removal_rules if rule in known]
    if installation.pending:
        return upgrade_rights(layers, records, installation.pending[-1])
    return derive_rights(layers[0].stack, layers[0].inputs)


def _line(page: Page, installation: Installation) -> tuple[Installation, Stack, str, dict[str, str], Stack | None]:
    """One line of the list, with the token of its "delete" button where it may leave the list, and a newer version."""
    stack = page.site.books.shelf.get_ordered(installation.stack_id, installation.digest)
    may_leave = page.site.removals.may_forget(installation)
    token = {FORM_TOKEN: page.token("forget", installation.id)} if may_leave else {}
    newer = page.site.upgrades.find_newer(installation)
    return installation, stack, target_of(stack, installation.inputs), token, newer


def _own(page: Page, member: OpenSession) -> list[Installation]:
    return page.site.books.installations.list_own(member.user_id)


def _step(words: str, record: StepRecord, *, waits: bool = False) -> ShownStep:
    return ShownStep(words, record.state, record.tries, record.query_id, waits)
