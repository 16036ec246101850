"""Notes behind Mandat, with FastAPI."""

import os
from collections import defaultdict
from typing import Any

from fastapi import FastAPI, Request

from mandat.server.middleware import MandatMiddleware

app = FastAPI()
app.add_middleware(
    MandatMiddleware,
    data=os.environ.get("MANDAT_DATA", "data"),
    keys=os.environ.get("MANDAT_KEYS", "keys"),
    public_urls=[os.environ.get("MANDAT_PUBLIC_URL", "http://127.0.0.1:8000")],
    open_routes=[("GET", "/health")],
)
notes: dict[str, list[Any]] = defaultdict(list)


@app.get("/health")
def health() -> str:
    """Open to everybody: it is in `open_routes`."""
    return "fine"


@app.get("/1.0/notes")
def list_notes(request: Request) -> dict[str, Any]:
    """The notes of the account that granted this call."""
    mandat = request.state.mandat
    return {"account": mandat.account, "application": mandat.application, "notes": notes[mandat.account]}


@app.post("/1.0/notes")
async def add_note(request: Request) -> None:
    """Adds one; the body is the one that was signed."""
    notes[request.state.mandat.account].append(await request.json())
