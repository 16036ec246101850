"""Cases as JSON, one file per subject: shared with clients in any language, one test per case here."""

import json
from pathlib import Path
from typing import Any

import pytest


def cases(name: str) -> list[Any]:
    """The cases of `tests/vectors/NAME.json` for `pytest.mark.parametrize`, each under its own name."""
    document = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
    return [
        pytest.param(case, id=case["name"].encode("ascii", "backslashreplace").decode()) for case in document["cases"]
    ]
