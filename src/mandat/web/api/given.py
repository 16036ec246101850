"""What handlers are given, by the names the routes provide: short words for the framework's annotations."""

from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath

from mandat.authority.service import Authority
from mandat.web.api.caller import Caller
from mandat.web.api.documents import Documents
from mandat.web.settings import PageSettings

Asked = Request[Any, Any, Any]
"""The request itself."""
By = NamedDependency[Caller]
"""Who is calling; naming it in a handler makes the operation a signed one."""
Flows = NamedDependency[Authority]
"""What can be done."""
Reached = NamedDependency[PageSettings]
"""How we are reached from outside."""
Described = NamedDependency[Documents]
"""What the API says about itself."""
PathText = FromPath[str]
"""A piece of the path, as text."""
