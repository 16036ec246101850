"""Progress as server-sent events: whenever an installation changes, the list of its steps as a piece of page.

The page works without: where no script runs, it is loaded again every few seconds.
Source: WHATWG HTML, "Server-sent events".
"""

import asyncio
from collections.abc import AsyncGenerator

from litestar.params import FromPath
from litestar.response import Stream

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.pages.frame.page import AnyRequest, Page, open_page, read
from mandat.marketplace.pages.installations import View, view_of
from mandat.marketplace.states import AT_WORK
from mandat.marketplace.store.values import Installation

QUIET_SECONDS = 15.0
"""Then a comment is sent, so that nothing in between takes the connection for dead; and the database is read anyway."""
LONGEST_SECONDS = 600.0
"""Then the browser has to come again, with a session that is still good."""


@read("/installations/{installation_id:str}/events")
async def stream_progress(request: AnyRequest, installation_id: FromPath[str]) -> Stream:
    """The stream of one installation, for its owner."""
    page = await open_page(request)
    member = page.member()
    found = await page.site.read(page.site.books.installations.find_own, member.user_id, installation_id)
    if found is None:
        raise PageRefusal(404, _("You have no such installation."))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return Stream(_progress(page, found), media_type="text/event-stream", headers=headers)


async def _progress(page: Page, installation: Installation) -> AsyncGenerator[bytes, None]:
    announcer = page.site.announcer
    changed = announcer.listen(installation.id)
    ends = asyncio.get_running_loop().time() + LONGEST_SECONDS
    shown = ""
    try:
        while not announcer.closed and asyncio.get_running_loop().time() < ends:
            changed.clear()
            view = await page.site.read(_fresh_view, page, installation)
            html = page.fragment("progress.html", view=view)
            if view.installation.state not in AT_WORK:
                yield _event("end", "")
                return
            yield _event("progress", html) if html != shown else b": still there\n\n"
            shown = html
            await announcer.wait(changed, timeout_seconds=QUIET_SECONDS)
    finally:
        announcer.forget(installation.id, changed)


def _fresh_view(page: Page, installation: Installation) -> View:
    fresh = page.site.books.installations.find_own(installation.user_id, installation.id)
    return view_of(page, fresh or installation)


def _event(name: str, data: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.splitlines()) or "data:\n"
    return f"event: {name}\n{lines}\n".encode()
