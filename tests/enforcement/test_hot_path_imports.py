"""The hot path stays light: what a gateway worker imports is counted, not promised."""

import subprocess
import sys

import pytest

HEAVY = (
    "litestar",
    "starlette",
    "sqlalchemy",
    "structlog",
    "jinja2",
    "alembic",
    "dbos",
    "httpx2",
    "uvicorn",
    "pydantic",
)


@pytest.mark.parametrize("module", ["mandat.enforcement.gateway.run", "mandat.enforcement.assertion_verifier"])
def test_enforcement_imports_no_framework(module: str) -> None:
    program = (
        f"import {module}, sys; print(sorted({{name.partition('.')[0] for name in sys.modules}} & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
