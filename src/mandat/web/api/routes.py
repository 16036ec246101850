"""The routes of the API, under both names of version 1."""

from litestar import Router
from litestar.di import Provide

from mandat.authority.service import Authority
from mandat.web.api import auth, describe, me
from mandat.web.api.caller import provide_caller
from mandat.web.api.documents import Documents
from mandat.web.routes import VERSION_PREFIXES
from mandat.web.settings import PageSettings

_HANDLERS = [
    auth.ask,
    auth.current_credential,
    auth.details,
    auth.log_out,
    me.list_applications,
    me.get_application,
    me.delete_application,
    me.list_credentials,
    me.get_credential,
    me.change_credential,
    me.delete_credential,
    me.get_credential_application,
    describe.index,
    describe.section_document,
    describe.nested_section_document,
]


def api_routers(authority: Authority, settings: PageSettings) -> list[Router]:
    """One router per name of the version, over one authority."""
    documents = Documents(authority.catalogue)
    dependencies = {
        "documents": Provide(lambda: documents, sync_to_thread=False),
        "authority": Provide(lambda: authority, sync_to_thread=False),
        "settings": Provide(lambda: settings, sync_to_thread=False),
        "caller": Provide(provide_caller, sync_to_thread=False),
    }
    return [
        Router(
            path=prefix,
            route_handlers=_HANDLERS,
            dependencies=dependencies,
            request_max_body_size=settings.max_body_bytes,
        )
        for prefix in VERSION_PREFIXES
    ]


def is_api_path(path: str) -> bool:
    """Does this path belong to the API, whose faults are said as JSON?"""
    return path.removeprefix("/").partition("/")[0] in {"1.0", "v1", "v2"}
