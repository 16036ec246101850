"""`mandat keys ...`: the operator's commands for the installation's own keys."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, Switch, find_config
from mandat.cli.output import complain, say, say_json

if TYPE_CHECKING:
    from mandat.server.operations.key_rotation import Kind
    from mandat.storage.keys.rotation import Rotated

app = App(name="keys", help="The installation's own keys: rotate, create.", group="Administer")

_DONE = {"sealing": "secrets sealed", "signing": "rows signed", "mac": "rows given a MAC", "forms": "rows written"}


@app.command(name="rotate")
def rotate_keys(
    *,
    signing: Switch = False,
    mac: Switch = False,
    forms: Switch = False,
    prepare: Switch = False,
    into: Path | None = None,
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Replace the key that seals application secrets, while everything runs. Cut off, run it again: it goes on.

    Parameters
    ----------
    signing
        Replace the key that signs grants instead.
    mac
        Replace the key of the authority's MACs instead.
    forms
        Replace the secret of form tokens instead.
    prepare
        Only make the new key known in the key files; copy them to your other machines, then run it without.
    into
        A folder for what you put into your own key store, when the keys are not in files.
    as_json
        Print {"kind": ..., "rows": ..., "left": [...], "went_on": ...}; "put" lists files for your key store.
    """
    from mandat.server.operations.key_rotation import Finished, Unfinished
    from mandat.server.operations.key_rotation import rotate_keys as rotate

    kind = _kind(signing=signing, mac=mac, forms=forms)
    try:
        done = rotate(find_config(options), kind, prepare_only=prepare, into=into)
    except Finished as last:
        return _say_done(kind, last.done, last.files, as_json=as_json)
    except Unfinished as half:
        return _say_what_to_store(kind, half.files, as_json=as_json)
    if done is not None:
        return _say_done(kind, done, (), as_json=as_json)
    if as_json:
        say_json({"kind": kind, "prepared": True})
    else:
        twice = " (a MAC key needs --prepare and the copy twice)" if mac else ""
        say(f"The key files know the new key. Copy them to your other machines, then run it without --prepare{twice}.")
    return 0


@app.command(name="create")
def create_keys(folder: Path, /, *, as_json: JsonFlag = False) -> int:
    """Make the keys of a new installation in FOLDER, for a key store of your own.

    Parameters
    ----------
    folder
        Where authority.json and node.json are written.
    as_json
        Print {"put": [...]}.
    """
    from mandat.server.operations.key_rotation import create_key_documents

    create_key_documents(folder)
    files = (folder / "node.json", folder / "authority.json")
    if as_json:
        say_json({"put": [str(file) for file in files]})
    else:
        say(f"Made {files[0]} (for `gateway_keys`) and {files[1]} (for `keys`); put them into your store, apart.")
    return 0


def _kind(*, signing: bool, mac: bool, forms: bool) -> "Kind":
    from mandat.server.problems import Problem

    if signing + mac + forms > 1:
        raise Problem("--signing, --mac and --forms replace different keys; do one after the other.")
    return "signing" if signing else "mac" if mac else "forms" if forms else "sealing"


def _say_done(kind: "Kind", done: "Rotated", files: tuple[Path, ...], *, as_json: bool) -> int:
    if as_json:
        put = {"put": [str(file) for file in files]} if files else {}
        say_json({"kind": kind, "rows": done.rows, "left": list(done.left), "went_on": done.went_on, **put})
    else:
        beginning = "A rotation that was cut off is finished" if done.went_on and not files else "Done"
        say(f"{beginning}: {done.rows} {_DONE[kind]} anew." + ("" if files else " Back up the key files now."))
        _say_order(files)
    for one in done.left:
        complain(f"Left as it was, and refused: {one}")
    return 1 if done.left else 0


def _say_what_to_store(kind: str, files: tuple[Path, ...], *, as_json: bool) -> int:
    if as_json:
        say_json({"kind": kind, "put": [str(file) for file in files], "again": True})
    else:
        _say_order(files)
        say("Then run the same command again. Nothing was changed yet; the old key stays readable meanwhile.")
    return 0


def _say_order(files: tuple[Path, ...]) -> None:
    settings = {"node.json": "gateway_keys", "authority.json": "keys"}
    for file in files:
        say(f"Put {file} into your store, where `{settings[file.name]}` reads it, and reload every node.")
    if files:
        say("Delete the files then.")
