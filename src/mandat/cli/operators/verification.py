"""`mandat verify`: is everything stored as the authority wrote it?"""

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, find_config
from mandat.cli.output import say, say_json

_ADVICE = {
    "credentials": "Nobody can use these delegations. Revoke them, or restore a backup from before the change.",
    "applications": "Nobody can call with these applications. Delete them, or restore a backup from before the change.",
    "application_secrets": "These secrets open for nobody. Restore a backup, or delete the rows.",
    "credential": "A record was put back to an earlier state. Revoke it if it is not to be valid, or restore a backup.",
    "application": "A record was put back to an earlier state. Suspend it, or restore a backup.",
    "audit": "History was changed. Compare with an export or with heads kept elsewhere: mandat audit check",
    "audit_seals": "History was changed. Compare with an export or with heads kept elsewhere: mandat audit check",
    "users": "These logins are refused. Create them anew, or restore a backup from before the change.",
    "sessions": "These sessions are refused; they end by themselves.",
    "permission_requests": "These requests cannot be answered; they expire by themselves.",
    "request_tallies": "Too many or too few requests may wait at once. Restore a backup, or let the requests run out.",
}
_ELSE = "Look at the disk, then restore a backup."


def verify(*, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Check signatures, MACs, history and references of everything stored. Exit status 1 when something is wrong.

    Parameters
    ----------
    as_json
        Print {"findings": [{"where": ..., "what": ...}]} with every finding.
    """
    from mandat.server.operations.verification import verify_installation

    findings = verify_installation(find_config(options))
    if as_json:
        say_json({"findings": [{"where": finding.where, "what": finding.what} for finding in findings]})
        return 1 if findings else 0
    if not findings:
        say("Everything is as the authority wrote it.")
        return 0
    for table in dict.fromkeys(finding.where.split()[0] for finding in findings):
        here = [finding for finding in findings if finding.where.split()[0] == table]
        more = f" ({len(here) - 1} more; --json lists them)" if len(here) > 1 else ""
        say(f"{here[0].where}: {here[0].what}{more}.\n  {_ADVICE.get(table, _ELSE)}")
    return 1
