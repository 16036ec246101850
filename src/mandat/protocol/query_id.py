"""The id that every exchange carries in `X-Ovh-QueryID`. Source: wire.md 8."""


def make_query_id(*, zone: str, host: str, now: float, pid: int, random: str) -> str:
    """`<zone>.<host>.<hex unix seconds>.<pid>.<random>`, such as `EU.ext-3.63ac85b6.10528.f00d`.

    Args:
        zone: short name of the installation's region, without a dot.
        host: short name of the node, without a dot.
        now: Unix seconds.
        pid: id of the process that answers.
        random: text that makes the id unique within one second of one process.
    """
    return f"{zone}.{host}.{int(now):08x}.{pid}.{random}"
