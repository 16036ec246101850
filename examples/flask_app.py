"""Notes behind Mandat, with Flask."""

import os
from collections import defaultdict
from typing import Any

from flask import Flask, Response, jsonify, request

from mandat.server.middleware import MandatWsgiMiddleware

app = Flask(__name__)
app.wsgi_app = MandatWsgiMiddleware(  # type: ignore[method-assign]
    app.wsgi_app,
    data=os.environ.get("MANDAT_DATA", "data"),
    keys=os.environ.get("MANDAT_KEYS", "keys"),
    public_urls=[os.environ.get("MANDAT_PUBLIC_URL", "http://127.0.0.1:8000")],
    open_routes=[("GET", "/health")],
)
notes: dict[str, list[Any]] = defaultdict(list)


@app.get("/health")
def health() -> Response:
    """Open to everybody: it is in `open_routes`."""
    return jsonify("fine")


@app.get("/1.0/notes")
def list_notes() -> Response:
    """The notes of the account that granted this call."""
    account = request.environ["mandat.account"]
    return jsonify(account=account, application=request.environ["mandat.application"], notes=notes[account])


@app.post("/1.0/notes")
def add_note() -> Response:
    """Adds one; the body is the one that was signed."""
    notes[request.environ["mandat.account"]].append(request.get_json(force=True))
    return jsonify(None)
