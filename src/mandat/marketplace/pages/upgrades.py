"""Upgrading: the page that shows the difference before anything is asked, the question, going back, and leaving it."""

from dataclasses import dataclass

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import NotAsked, Question, SentOff
from mandat.marketplace.installs.upgrade import UpgradePlan
from mandat.marketplace.pages.catalogue import ShownCreation, flat, grouped, shown_inputs, target_of, typed_of
from mandat.marketplace.pages.frame.own_installation import find_installation, open_form
from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, open_page, read, write
from mandat.marketplace.pages.removals import shown_creation
from mandat.marketplace.stacks.calls import CallRefused
from mandat.marketplace.stacks.difference import StepDifference
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import Checked, InputField, Misfit, carried_inputs, check_typed
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.store.values import Installation


@dataclass(frozen=True, slots=True)
class ShownUpgrade:
    """A plan for people.

    Attributes:
        things: what becomes of each thing, by fate.
        steps: what is done, in words and in order.
        going: what else is removed: things of a version that was never reached.
    """

    plan: UpgradePlan
    things: dict[str, list[StepDifference]]
    steps: list[str]
    going: list[ShownCreation]


@read("/installations/{installation_id:str}/upgrade")
async def show_upgrade(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """The difference to the newest version, with new inputs as they stand in the address. Nothing is asked yet."""
    page = await open_page(request)
    installation = await find_installation(page, installation_id)
    stack = page.site.upgrades.find_newer(installation)
    if stack is None:
        return page.go(f"/installations/{installation.id}")
    new = {field.name for field in _asked_fields(stack, carried_inputs(stack.inputs, installation.inputs))}
    typed = {name: value for name, value in page.query().values.items() if name in new}
    return await _show(page, installation, stack, typed)


@write("/installations/{installation_id:str}/begin-upgrade")
async def upgrade(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Asks for what the upgrade takes, and off to the provider."""
    page = await open_page(request)
    form = await page.form()
    member = page.member()
    installation = await find_installation(page, installation_id)
    stack = page.site.upgrades.find_newer(installation)
    if stack is None:
        return page.go(f"/installations/{installation.id}")
    typed = form.without(FORM_TOKEN)
    page.check(form, "upgrade", installation.id, stack.digest, *flat(typed))
    checked = _checked(installation, stack, typed)
    if isinstance(checked, Misfit):
        return await _show(page, installation, stack, typed)
    page.limit_orders(member)
    outcome = await page.site.call(page.site.upgrades.ask, member, installation, stack, checked.values)
    if isinstance(outcome, NotAsked):
        return await _show(page, installation, stack, typed, problem=outcome)
    return _leave(page, installation, outcome)


@read("/installations/{installation_id:str}/return-upgrade")
async def come_back_to_upgrade(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """The way back from the validation page when it was about upgrading, or about going back."""
    page = await open_page(request)
    member = page.member()
    installation = await find_installation(page, installation_id)
    address = page.site.origin + page.here
    await page.site.call(lambda: page.site.desk.come_back(member, installation, address, question=Question.UPGRADING))
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/ask-upgrade")
async def ask_upgrade_again(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """One more permission request for the same upgrade."""
    page, installation = await open_form(request, installation_id, "ask-upgrade")
    member = page.member()
    page.limit_orders(member)
    outcome = await page.site.call(page.site.upgrades.ask_again, member, installation)
    if isinstance(outcome, NotAsked):
        raise PageRefusal(502, _("The provider did not take the request: %(why)s") % {"why": outcome.message})
    return _leave(page, installation, outcome)


@read("/installations/{installation_id:str}/undo-upgrade")
async def show_going_back(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """What going back to the version before would do, and which rights that takes."""
    page = await open_page(request)
    installation = await find_installation(page, installation_id)
    if not page.site.upgrades.may_undo(installation):
        return page.go(f"/installations/{installation.id}")
    await page.site.call(page.site.removals.settle, installation)
    return await _show_plan(page, await find_installation(page, installation_id), None, {})


@write("/installations/{installation_id:str}/undo-upgrade")
async def go_back(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Asks for what going back takes, and off to the provider; or is done at once when nothing had begun."""
    page, installation = await open_form(request, installation_id, "undo-upgrade")
    member = page.member()
    page.limit_orders(member)
    outcome = await page.site.call(page.site.upgrades.ask_undo, member, installation)
    if isinstance(outcome, NotAsked):
        return await _show_plan(page, installation, None, {}, problem=outcome)
    return _leave(page, installation, outcome)


@write("/installations/{installation_id:str}/keep-upgrade")
async def keep_upgrade(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Leaves what is there; an upgrade that has not begun will not be."""
    page, installation = await open_form(request, installation_id, "keep-upgrade")
    await page.site.call(page.site.upgrades.keep, installation)
    return page.go(f"/installations/{installation.id}")


def _leave(page: Page, installation: Installation, outcome: SentOff | None) -> ASGIResponse:
    path = f"/installations/{installation.id}"
    return page.go(path) if outcome is None else page.send_off(outcome.validation_url, path)


def _asked_fields(stack: Stack, carried: dict[str, str]) -> list[InputField]:
    return [field for field in stack.inputs.fields if field.name not in carried]


def _checked(installation: Installation, stack: Stack, typed: dict[str, str]) -> Checked | Misfit:
    """What was typed for new inputs, with everything that is taken over."""
    return check_typed(stack.inputs, typed | carried_inputs(stack.inputs, installation.inputs))


async def _show(
    page: Page,
    installation: Installation,
    stack: Stack,
    typed: dict[str, str],
    *,
    problem: NotAsked | None = None,
) -> ASGIResponse:
    carried = carried_inputs(stack.inputs, installation.inputs)
    fields = _asked_fields(stack, carried)
    checked = _checked(installation, stack, typed)
    if isinstance(checked, Misfit):
        # Nothing was typed yet, and an input without a default is new: it is asked for, and nothing is wrong.
        problems = checked.problems if typed else {}
        errors = [(name or None, words) for name, words in problems.items()]
        return _page(page, installation, stack, None, carried=carried, fields=fields, typed=typed, errors=errors)
    return await _show_plan(page, installation, stack, checked.values, carried=carried, fields=fields, problem=problem)


async def _show_plan(
    page: Page,
    installation: Installation,
    stack: Stack | None,
    values: dict[str, JsonValue],
    *,
    carried: dict[str, str] | None = None,
    fields: list[InputField] | None = None,
    problem: NotAsked | None = None,
) -> ASGIResponse:
    try:
        shown = await page.site.read(_shown, page, installation, stack, values)
    except CallRefused as fault:
        raise PageRefusal(409, _("This cannot be upgraded from here: %(why)s.") % {"why": fault}) from None
    goal = shown.plan.goal
    typed = {field.name: typed_of(goal.inputs[field.name]) for field in fields or ()}
    return _page(
        page, installation, goal.stack, shown, carried=carried or {}, fields=fields or [], typed=typed, problem=problem
    )


def _page(
    page: Page,
    installation: Installation,
    stack: Stack,
    shown: ShownUpgrade | None,
    *,
    carried: dict[str, str],
    fields: list[InputField],
    typed: dict[str, str],
    errors: list[tuple[str | None, str]] | None = None,
    problem: NotAsked | None = None,
) -> ASGIResponse:
    before = page.site.books.shelf.get_ordered(installation.stack_id, installation.digest)
    origin = page.registration.validation_origin if page.registration else None
    undoes = shown is not None and shown.plan.edition.edition.undoes
    upgrading = page.token("upgrade", installation.id, stack.digest, *flat(typed))
    return page.render(
        "upgrade.html",
        status=502 if problem else 400 if errors else 200,
        form_action=[origin] if origin else [],
        installation=installation,
        target=target_of(stack, installation.inputs),
        before=before,
        stack=stack,
        shown=shown,
        undoes=undoes,
        fields=fields,
        typed=typed,
        errors=errors or [],
        examples=stack.inputs.defaults(installation.inputs),
        kept=[line for name, line in _named(stack, installation) if name in carried],
        rights=grouped(shown.plan.rights) if shown else [],
        less=grouped(shown.plan.difference.less) if shown else [],
        hidden={FORM_TOKEN: upgrading, **typed},
        undo_token={FORM_TOKEN: page.token("undo-upgrade", installation.id)},
        problem=problem,
        provider_host=origin.partition("://")[2] if origin else "",
        current="/installations",
    )


def _named(stack: Stack, installation: Installation) -> list[tuple[str, tuple[str, str]]]:
    known = [field for field in stack.inputs.fields if field.name in installation.inputs]
    lines = [shown_inputs([field], installation.inputs)[0] for field in known]
    return list(zip([field.name for field in known], lines, strict=True))


def _shown(page: Page, installation: Installation, stack: Stack | None, values: dict[str, JsonValue]) -> ShownUpgrade:
    upgrades = page.site.upgrades
    plan = upgrades.plan_undo(installation) if stack is None else upgrades.plan(installation, stack, values)
    things: dict[str, list[StepDifference]] = {}
    for line in plan.difference.steps:
        if line.fate:
            things.setdefault(line.fate, []).append(line)
    shown = [shown_creation(each) for each in plan.drops if each.layer.number != installation.edition]
    return ShownUpgrade(
        plan=plan,
        things=things,
        steps=[resolve_text(step.words, scope) for step, scope in zip(plan.steps, plan.scopes, strict=True)],
        going=[each for each in shown if each is not None],
    )
