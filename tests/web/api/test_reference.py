"""The reference says everything that can be called and everything that is written down."""

from pathlib import Path

from mandat.authority.values import AuditEvent
from mandat.web.descriptions import own_documents

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_every_operation_stands_in_the_reference() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    for document in own_documents().values():
        for api in document["apis"]:
            for operation in api["operations"]:
                assert f"| `{operation['httpMethod']} {api['path']}` |" in text


def test_every_event_of_the_history_stands_in_the_reference() -> None:
    text = (REFERENCE / "audit.md").read_text(encoding="utf-8")
    for event in AuditEvent:
        assert f"| `{event}` |" in text
