"""The page of the API console. Everything it does happens in the browser (`static/`); nothing is decided here.

Open to everybody, like the description documents it shows. Its policy lets it call our own API and nothing else, and
runs no script but our own files. Source: issue 3, dependencies.md 10.
"""

from urllib.parse import quote

from litestar.response.base import ASGIResponse

from mandat.look.headers import page_headers
from mandat.look.words import gettext as _
from mandat.web.console.serving import FILE_HANDLERS
from mandat.web.pages.frame.page import GivenPage
from mandat.web.pages.frame.routing import read

CREATE_TOKEN = "/createToken/"  # noqa: S105 - a path


@read("/console")
async def show_console(page: GivenPage) -> ASGIResponse:
    """The page, with the sections there are now."""
    base = page.api_origin + "/1.0"
    sections = [
        {
            "name": section.name,
            "description": section.description,
            "offers": section.offers,
            "json": f"{base}/{quote(section.name)}.json",
            "openapi": f"{base}/{quote(section.name)}.json?format=openapi3",
        }
        for section in page.site.console_sections.all()
    ]
    settings = {
        "base": base,
        "createToken": CREATE_TOKEN,
        "sections": [{"name": section["name"], "openapi": section["openapi"]} for section in sections],
        "texts": _script_texts(),
    }
    headers = page_headers(script=True, connect_to=[page.api_origin], data_images=True)
    return page.render(
        "console.html",
        headers=headers,
        base=base,
        sections=sections,
        offer_labels={
            "read": _("Read everything in %(section)s"),
            "change": _("Change and create everything in %(section)s"),
            "delete": _("Delete everything in %(section)s"),
        },
        settings=settings,
    )


def _script_texts() -> dict[str, str]:
    """What the script says, translated here."""
    return {
        "applicationName": _("API console"),
        "applicationDescription": _("Calls made by hand in the API console"),
        "noKeys": _("No keys yet: only calls that need none will be answered."),
        "someKeys": _("A signed call needs all three keys."),
        "allKeys": _("Calls are signed with these keys."),
        "forgotten": _("The keys are forgotten."),
        "needsRule": _("Needs the rule"),
        "consentSays": _("The consent page says:"),
        "needsNoRule": _("Needs a valid consumer key, and no rule."),
        "needsApplication": _("Needs an application key, and no signature."),
        "needsNothing": _("Needs no keys."),
        "makeKey": _("Make keys for this call"),
        "whole_account": _("whole account"),
        "changes_access": _("can change access"),
        "deletes": _("deletes"),
        "loading": _("Loading what this section offers."),
        "loadingFailed": _("The description of this section cannot be loaded. Reload the page to try again."),
        "body": _("Body"),
        "responses": _("Answers to"),
        "thisCall": _("This call in a program"),
        "keysFromEnvironment": _(
            "Secret and consumer key come from the environment: OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY;"
            " Python also reads OVH_APPLICATION_KEY."
        ),
        "curl": _("curl"),
        "python": _("Python"),
    }


HANDLERS = [show_console, *FILE_HANDLERS]
