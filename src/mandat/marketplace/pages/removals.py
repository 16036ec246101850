"""Stopping, keeping, removing, forgetting: the pages for an installation that is not to go on, or not to stay."""

from dataclasses import dataclass

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import NotAsked, Question
from mandat.marketplace.installs.layers import Owned
from mandat.marketplace.installs.removal import RemovalPlan
from mandat.marketplace.pages.catalogue import ShownCreation, grouped, target_of
from mandat.marketplace.pages.frame.own_installation import find_installation, open_form
from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, open_page, read, write
from mandat.marketplace.pages.results import ids_of
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.states import Event, sources
from mandat.marketplace.store.values import Installation


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """What removing would do, for people."""

    stack: Stack
    target: str
    gone: list[tuple[ShownCreation, str]]
    steps: list[str]
    unknown: ShownCreation | None
    plan: RemovalPlan


@read("/installations/{installation_id:str}/remove")
async def show_removal(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """What would be removed and which rights that takes. Nothing is asked yet."""
    page = await open_page(request)
    installation = await find_installation(page, installation_id)
    if installation.state not in sources(Event.REMOVAL_ASKED):
        return page.go(f"/installations/{installation.id}")
    await page.site.call(page.site.removals.settle, installation)
    return await _show(page, await find_installation(page, installation_id))


@write("/installations/{installation_id:str}/remove")
async def remove(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Asks for the deletion rights, and off to the provider."""
    page, installation = await open_form(request, installation_id, "remove")
    member = page.member()
    page.limit_orders(member)
    outcome = await page.site.call(page.site.removals.ask, member, installation)
    if outcome is None:
        return page.go(f"/installations/{installation.id}")
    if isinstance(outcome, NotAsked):
        return await _show(page, installation, problem=outcome)
    return page.send_off(outcome.validation_url, f"/installations/{installation.id}")


@read("/installations/{installation_id:str}/return-removal")
async def come_back_to_remove(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """The way back from the validation page when it was about removing."""
    page = await open_page(request)
    member = page.member()
    installation = await find_installation(page, installation_id)
    address = page.site.origin + page.here
    await page.site.call(lambda: page.site.desk.come_back(member, installation, address, question=Question.REMOVING))
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/cancel")
async def cancel(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """No further step."""
    page, installation = await open_form(request, installation_id, "cancel")
    await page.site.read(page.site.desk.cancel, installation)
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/keep")
async def keep(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Leaves what is there."""
    page, installation = await open_form(request, installation_id, "keep")
    await page.site.read(page.site.removals.keep, installation)
    return page.go(f"/installations/{installation.id}")


@write("/installations/{installation_id:str}/forget")
async def forget(request: AnyRequest, installation_id: FromPath[str]) -> ASGIResponse:
    """Takes it out of the list."""
    page, installation = await open_form(request, installation_id, "forget")
    if not await page.site.call(page.site.removals.forget, installation):
        raise PageRefusal(409, _("Something of it is still there: undo it, or say that you want to keep it."))
    return page.go("/installations")


async def _show(page: Page, installation: Installation, *, problem: NotAsked | None = None) -> ASGIResponse:
    shown = await page.site.read(_shown, page, installation)
    origin = page.registration.validation_origin if page.registration else None
    return page.render(
        "remove.html",
        status=502 if problem else 200,
        form_action=[origin] if origin else [],
        installation=installation,
        shown=shown,
        rights=grouped(shown.plan.rights),
        problem=problem,
        provider_host=origin.partition("://")[2] if origin else "",
        tokens={action: {FORM_TOKEN: page.token(action, installation.id)} for action in ("remove", "keep")},
        current="/installations",
    )


def _shown(page: Page, installation: Installation) -> ShownPlan:
    books = page.site.books
    plan = page.site.removals.plan(installation)
    stack = books.shelf.get_ordered(installation.stack_id, installation.digest)
    records = {record.step_id: record for record in books.installations.list_steps(installation.id)}
    gone = [(shown_creation(each), ids_of(records[each.layer.record_id(each.id)])) for each in plan.creations]
    return ShownPlan(
        stack=stack,
        target=target_of(stack, installation.inputs),
        gone=[(creation, ids) for creation, ids in gone if creation is not None],
        steps=[resolve_text(each.step.words, each.layer.removal_scope(records)) for each in plan.steps],
        unknown=shown_creation(plan.unknown) if plan.unknown is not None else None,
        plan=plan,
    )


def shown_creation(owned: Owned) -> ShownCreation | None:
    """What a step creates, in words; None when it creates nothing."""
    creation = owned.step.creation
    if creation is None:
        return None
    scope = as_scope(owned.layer.inputs)
    return ShownCreation(creation.what, resolve_text(creation.name, scope), resolve_text(creation.value, scope))
