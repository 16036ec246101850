"""What was done with each key: calls by minute, rule, outcome and address. Written behind, as `storage.usage`.

Only authentic calls count: whoever cannot sign leaves no line. Source: design.md 6, ADR 0012.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from mandat.enforcement.interfaces import Use
from mandat.storage.engine.tables import call_tallies
from mandat.storage.engine.upsert import insert

MINUTE_SECONDS = 60
PERMITTED = "permitted"
"""The outcome of a call that passed; others are the words of `protocol.refusals.Reason`."""


def tally(connection: Connection, uses: Sequence[Use]) -> None:
    """Adds `uses` to the lines of their minutes."""
    line = insert(call_tallies)
    connection.execute(
        line.on_conflict_do_update(
            index_elements=["credential_id", "minute", "rule", "outcome", "address"],
            set_={"calls": call_tallies.c.calls + line.excluded.calls},
        ),
        [
            {
                "credential_id": use.credential_id,
                "minute": use.at - use.at % MINUTE_SECONDS,
                "rule": use.rule,
                "outcome": use.outcome or PERMITTED,
                "address": use.address,
                "calls": use.calls,
            }
            for use in uses
        ],
    )
