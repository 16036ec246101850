"""From a call on the wire to its answer: `application` speaks HTTP, `gate` says who calls, `calls` does the rest."""
