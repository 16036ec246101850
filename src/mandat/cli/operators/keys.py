"""`mandat keys ...`: the operator's commands for the installation's own keys."""

from cyclopts import App

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, Switch, find_config
from mandat.cli.output import complain, say, say_json

app = App(name="keys", help="The installation's own keys: rotate.", group="Administer")


@app.command(name="rotate")
def rotate_keys(
    *,
    signing: Switch = False,
    prepare: Switch = False,
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Replace the key that seals application secrets, while everything runs. Cut off, run it again: it goes on.

    Parameters
    ----------
    signing
        Replace the key that signs grants instead.
    prepare
        Only make the new key known in the key files; copy node.json to your other machines, then run it without.
    as_json
        Print {"kind": ..., "rows": ..., "left": [...], "went_on": ...}.
    """
    from mandat.server.operations.key_rotation import rotate_keys as rotate

    kind = "signing" if signing else "sealing"
    done = rotate(find_config(options), "signing" if signing else "sealing", prepare_only=prepare)
    if done is None:
        if as_json:
            say_json({"kind": kind, "prepared": True})
        else:
            say("The key files know the new key. Copy node.json to your other machines, then run it without --prepare.")
        return 0
    if as_json:
        say_json({"kind": kind, "rows": done.rows, "left": list(done.left), "went_on": done.went_on})
    else:
        beginning = "A rotation that was cut off is finished" if done.went_on else "Done"
        what = "rows signed" if signing else "secrets sealed"
        say(f"{beginning}: {done.rows} {what} anew. Back up the key files now.")
    for one in done.left:
        complain(f"Left as it was, and refused: {one}")
    return 1 if done.left else 0
