"""What every door but the gateway shares: the guard, reading a head that somebody else parsed, and refusing.

The gateway has its own, faster ways for the same work; tests/doors runs one table of calls against all doors and
compares. `guard` judges, `heads` decides about header fields, `refusing` words the refusal, `local_replay` remembers
writes where no supervisor does it. Source: design.md 2 to 4, docs/adr/0006-doors.md.
"""
