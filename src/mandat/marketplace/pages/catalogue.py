"""The catalogue and what comes before an order: a stack's page, its form, the preview. No login, nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import NotAsked
from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, login_path, open_page, read, write
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import Checked, InputField, Misfit, as_scope, check_typed
from mandat.marketplace.stacks.rights import Effect, NeededRight, derive_rights
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import JsonValue

VERSION = "-version"
"""The field that says which version of a stack is meant, where it is not the newest."""

ORDER = "-order"
"""The field that tells one shown preview from another. No input of a stack can be called so."""


MAX_SEARCH = 200
"""Of what is searched for; more would be no search."""


@dataclass(frozen=True, slots=True)
class ShownCreation:
    """One line of "what will be created"."""

    what: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What installing would mean with these inputs."""

    target: str
    steps: list[str]
    creations: list[ShownCreation]
    rights: list[tuple[Effect, list[NeededRight]]]
    inputs: list[tuple[str, str]]


@read("/")
async def show_home(request: AnyRequest) -> ASGIResponse:
    """The catalogue; before the marketplace has its keys, the first-run page."""
    page = await open_page(request)
    if page.registration is None:
        return page.go("/setup")
    return await _catalogue(page)


@read("/stacks")
async def show_catalogue(request: AnyRequest) -> ASGIResponse:
    """The catalogue, keys or not."""
    return await _catalogue(await open_page(request))


@read("/stacks/{stack_id:str}")
async def show_stack(request: AnyRequest, stack_id: FromPath[str]) -> ASGIResponse:
    """What a stack does, and its form."""
    page = await open_page(request)
    query = page.query().values
    stack = _stack(page, stack_id, query.get(VERSION, ""))
    typed = {name: value for name, value in query.items() if name in _names(stack)}
    return _form(page, stack, typed=typed)


@read("/stacks/{stack_id:str}/preview")
async def show_preview(request: AnyRequest, stack_id: FromPath[str]) -> ASGIResponse:
    """What an order would mean. Everything is in the address, so that it survives logging in."""
    page = await open_page(request)
    query = page.query()
    stack = _stack(page, stack_id, query.values.get(VERSION, ""))
    typed = query.without(VERSION)
    match check_typed(stack.inputs, typed):
        case Misfit(problems):
            return _form(page, stack, typed=typed, problems=problems)
        case Checked(values):
            return _preview(page, stack, values)


@write("/stacks/{stack_id:str}/install")
async def install(request: AnyRequest, stack_id: FromPath[str]) -> ASGIResponse:
    """The order: one permission request, then off to the provider's validation page."""
    page = await open_page(request)
    form = await page.form()
    stack = _stack(page, stack_id, form.values.get(VERSION, ""))
    typed = form.without(FORM_TOKEN, ORDER, VERSION)
    if page.visitor is None:
        return page.go(login_path(f"/stacks/{stack.id}/preview?{urlencode(typed | _version(page, stack))}"))
    order = form.text(ORDER)
    page.check(form, "install", stack.digest, order, *flat(typed))
    checked = check_typed(stack.inputs, typed)
    if isinstance(checked, Misfit):
        return _form(page, stack, typed=typed, problems=checked.problems)
    member = page.visitor
    page.limit_orders(member)
    desk = page.site.desk
    outcome = await page.site.call(page.site.orders.order, order, lambda: desk.order(member, stack, checked.values))
    if isinstance(outcome, NotAsked):
        return _preview(page, stack, checked.values, problem=outcome)
    return page.send_off(outcome.validation_url, f"/installations/{outcome.installation_id}")


async def _catalogue(page: Page) -> ASGIResponse:
    query = page.query().values
    offered = page.site.books.shelf.list_offered()
    words, category = query.get("q", "").strip()[:MAX_SEARCH], query.get("category", "")
    return page.render(
        "catalogue.html",
        stacks=find_stacks(offered, words=words, category=category),
        categories=sorted({stack.category for stack in offered}),
        words=words,
        category=category,
        connected="connected" in query,
        outdated=await page.site.read(_outdated, page),
        current="/stacks",
    )


def _outdated(page: Page) -> list[tuple[str, str, Stack]]:
    """The visitor's installations of older versions: id, what it is on, and the newer version."""
    if page.visitor is None:
        return []
    found = []
    for installation in page.site.books.installations.list_own(page.visitor.user_id):
        newer = page.site.upgrades.find_newer(installation)
        if newer is not None:
            found.append((installation.id, target_of(newer, installation.inputs), newer))
    return found


def find_stacks(offered: Sequence[Stack], *, words: str, category: str) -> list[Stack]:
    """Those of a category ("" for any) whose texts hold every one of `words`, capital letters or not."""
    wanted = words.casefold().split()
    found = []
    for stack in offered:
        texts = " ".join((stack.title, stack.summary, stack.description, stack.category, stack.publisher)).casefold()
        if category in ("", stack.category) and all(word in texts for word in wanted):
            found.append(stack)
    return found


def _form(page: Page, stack: Stack, *, typed: dict[str, str], problems: dict[str, str] | None = None) -> ASGIResponse:
    errors = [(name if name in _names(stack) else None, problem) for name, problem in (problems or {}).items()]
    optional_shown = any(name in typed for name in _names(stack) if not _field_required(stack, name)) or any(
        name is not None and not _field_required(stack, name) for name, _problem in errors
    )
    return page.render(
        "stack.html",
        status=400 if errors else 200,
        stack=stack,
        typed=typed,
        errors=errors,
        summary=[(name, _with_title(stack, name, problem)) for name, problem in errors],
        open_optional=optional_shown,
        words=[resolve_text(step.words, as_scope(_examples(stack))) for step in stack.install],
        examples=_examples(stack),
        version=_version(page, stack),
        versions=[each.version for each in page.site.books.shelf.list_versions(stack.id) if each != stack],
        current="/stacks",
    )


def _with_title(stack: Stack, name: str | None, problem: str) -> str:
    """A problem as the list above the form says it, where it does not stand beside its field."""
    titles = {field.name: field.title for field in stack.inputs.fields}
    return f"{titles[name]}: {problem}" if name in titles else problem


def _preview(
    page: Page, stack: Stack, values: dict[str, JsonValue], *, problem: NotAsked | None = None
) -> ASGIResponse:
    typed = {name: typed_of(value) for name, value in values.items()}
    order = page.site.entropy(16).hex()
    token = page.token("install", stack.digest, order, *flat(typed))
    registration = page.registration
    return page.render(
        "preview.html",
        status=502 if problem else 200,
        form_action=[registration.validation_origin] if registration else [],
        stack=stack,
        preview=preview_of(stack, values),
        typed=typed,
        back=f"/stacks/{stack.id}?{urlencode(typed | _version(page, stack))}",
        hidden={FORM_TOKEN: token, ORDER: order, **_version(page, stack), **typed},
        problem=problem,
        provider_host=registration.validation_origin.partition("://")[2] if registration else "",
        current="/stacks",
    )


def preview_of(stack: Stack, values: dict[str, JsonValue]) -> Preview:
    """What installing `stack` with these inputs means."""
    scope = as_scope(values)
    rights = derive_rights(stack, values)
    return Preview(
        target=target_of(stack, values),
        steps=[resolve_text(step.words, scope) for step in stack.install],
        creations=[
            ShownCreation(
                step.creation.what, resolve_text(step.creation.name, scope), resolve_text(step.creation.value, scope)
            )
            for step in stack.install
            if step.creation is not None
        ],
        rights=grouped(rights),
        inputs=shown_inputs(stack.inputs.fields, values),
    )


def grouped(rights: Sequence[NeededRight]) -> list[tuple[Effect, list[NeededRight]]]:
    """Rights by what they can do, harmless ones first."""
    by_effect = [(effect, [right for right in rights if right.effect is effect]) for effect in Effect]
    return [(effect, found) for effect, found in by_effect if found]


def target_of(stack: Stack, values: dict[str, JsonValue]) -> str:
    """What an installation is on, for headings: its first input."""
    return typed_of(values[stack.inputs.fields[0].name])


def shown_inputs(fields: Sequence[InputField], values: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    """Titles and values for people."""
    shown = []
    for field in fields:
        value = values[field.name]
        if isinstance(value, bool):
            shown.append((field.title, _("Yes") if value else _("No")))
        else:
            shown.append((field.title, dict(field.choices).get(str(value), str(value))))
    return shown


def typed_of(value: JsonValue) -> str:
    """A checked value as it would be typed."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def flat(typed: dict[str, str]) -> list[str]:
    """Names and values one after the other, in an order of their own, to bind a form's token to."""
    return [part for name in sorted(typed) for part in (name, typed[name])]


def _names(stack: Stack) -> set[str]:
    return {field.name for field in stack.inputs.fields}


def _field_required(stack: Stack, name: str) -> bool:
    return any(field.name == name and field.required for field in stack.inputs.fields)


def _examples(stack: Stack) -> dict[str, JsonValue]:
    """A value for each input before anything is typed, for words and placeholders."""
    shown: dict[str, JsonValue] = {
        field.name: field.example or field.title.lower() for field in stack.inputs.fields if field.required
    }
    return stack.inputs.defaults(shown)


def _stack(page: Page, stack_id: str, version: str) -> Stack:
    stack = page.site.books.shelf.find_offered(stack_id, version)
    if stack is None:
        raise PageRefusal(404, _("There is no such stack in this marketplace."))
    return stack


def _version(page: Page, stack: Stack) -> dict[str, str]:
    """The field that names this version, where an address without it would mean the newest one."""
    newest = page.site.books.shelf.find_offered(stack.id)
    return {} if newest is None or newest.digest == stack.digest else {VERSION: stack.version}
