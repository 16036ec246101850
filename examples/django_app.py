"""Notes behind Mandat, with Django; one file stands for a project. Both its WSGI and its ASGI application."""

import json
import os
from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from mandat.server.middleware import MandatMiddleware, MandatOptions, MandatWsgiMiddleware

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(32).hex(), ALLOWED_HOSTS=["*"], APPEND_SLASH=False)
OPTIONS: MandatOptions = {
    "data": os.environ.get("MANDAT_DATA", "data"),
    "keys": os.environ.get("MANDAT_KEYS", "keys"),
    "public_urls": [os.environ.get("MANDAT_PUBLIC_URL", "http://127.0.0.1:8000")],
    "open_routes": [("GET", "/health")],
}
stored: dict[str, list[Any]] = defaultdict(list)


def health(request: HttpRequest) -> JsonResponse:
    """Open to everybody: it is in `open_routes`."""
    return JsonResponse("fine", safe=False)


@csrf_exempt
def notes(request: HttpRequest) -> JsonResponse:
    """The notes of the account that granted this call; POST adds one. Signed calls need no CSRF token."""
    scope = getattr(request, "scope", None)
    if scope is None:
        account, application = request.META["mandat.account"], request.META["mandat.application"]
    else:
        account, application = scope["state"]["mandat"].account, scope["state"]["mandat"].application
    if request.method == "POST":
        stored[account].append(json.loads(request.body))
        return JsonResponse(None, safe=False)
    return JsonResponse({"account": account, "application": application, "notes": stored[account]})


urlpatterns = [path("health", health), path("1.0/notes", notes)]
application = MandatWsgiMiddleware(get_wsgi_application(), **OPTIONS)
asgi_application = MandatMiddleware(get_asgi_application(), **OPTIONS)
