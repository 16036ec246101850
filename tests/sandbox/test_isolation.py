"""What cannot be done from inside an instance, and what becomes of instances when the sandbox is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mandat.sandbox.instances.jail import MAX_PROCESSES, Isolation, Jail, host_name_of
from mandat.sandbox.operating.seeds import seed
from support.instances import IN_REGION, WANTED, create, needs_isolation, processes_of, site_of, wait_until_active
from support.sandbox import ALICE
from support.waiting import wait_for

pytestmark = pytest.mark.slow

PROBE = """
import json, os, socket, stat, sys
def tried(work):
    try:
        return repr(work())
    except BaseException as fault:
        return type(fault).__name__
def threads():
    import threading, time
    threading.stack_size(262144)
    count = 0
    try:
        while count < 1000:
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            count += 1
    except RuntimeError:
        pass
    return count
def escape(fd):
    held = socket.socket(fileno=os.dup(fd))
    held.connect(PORT_OF_US)
PORT_OF_US, ABSTRACT, SECRET = ("127.0.0.1", {port}), {abstract!r}, {secret!r}
found = dict(
    interfaces=[name for _, name in socket.if_nameindex()],
    tcp=tried(lambda: socket.create_connection(PORT_OF_US, timeout=3)),
    abstract=tried(lambda: socket.socket(socket.AF_UNIX).connect(ABSTRACT)),
    inherited=tried(lambda: escape(0)),
    families=[str(socket.socket(fileno=os.dup(fd)).family) for fd in range(16)
              if tried(lambda: os.fstat(fd)) != "OSError" and stat.S_ISSOCK(os.fstat(fd).st_mode)],
    secret=tried(lambda: open(SECRET).read()),
    passwd=tried(lambda: open("/etc/passwd").read()),
    root=sorted(os.listdir("/")),
    writes={{path: tried(lambda: open(path + "/x", "w")) for path in ("", "/site", "/usr", "/tmp", "/dev/shm")}},
    user=os.getuid(),
    host=socket.gethostname(),
    environment=[name for name in os.environ if name not in ("PWD", "LC_CTYPE", "MALLOC_ARENA_MAX")],
    pid=os.getpid(),
    kill=tried(lambda: os.kill({pid}, 0)),
    processes=tried(lambda: os.listdir("/proc")),
    root_again=tried(lambda: os.setuid(0)),
    memory=tried(lambda: len(bytearray(400_000_000))),
    threads=threads(),
)
print(json.dumps(found))
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a program found out in an instance's place, about a machine on which there is something to find."""
    folder = tmp_path_factory.mktemp("isolation")
    (folder / "site").mkdir()
    (folder / "sandbox.sqlite3").write_text("a secret")
    abstract = f"\0mandat-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(abstract)
        unix.listen()
        script = folder / "probe.py"
        port, secret = listener.getsockname()[1], str(folder / "sandbox.sqlite3")
        script.write_text(PROBE.format(port=port, abstract=abstract, secret=secret, pid=os.getpid()))
        jail = Isolation(hidden=folder).jail()
        assert isinstance(jail, Jail), jail
        ours, theirs = socket.socketpair()
        with ours, theirs:
            outcome = subprocess.run(
                jail.command(site=folder / "site", script=script, host_name="Caf\u00e9 Web!"),
                stdin=theirs,
                capture_output=True,
                timeout=60,
                check=False,
            )
    assert outcome.returncode == 0, outcome.stderr.decode()
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


@needs_isolation
def test_no_port_of_the_machine_can_be_reached(probed):
    assert probed["interfaces"] == ["lo"]
    assert probed["tcp"] in ("ConnectionRefusedError", "OSError")
    assert probed["abstract"] == "ConnectionRefusedError"


@needs_isolation
def test_no_socket_that_could_be_turned_around_is_handed_in(probed):
    assert probed["families"] == ["AddressFamily.AF_UNIX"] or probed["families"] == ["1"]
    assert probed["inherited"] in ("TypeError", "OSError", "PermissionError")


@needs_isolation
def test_nothing_of_the_machine_but_its_programs_can_be_read(probed):
    assert (probed["secret"], probed["passwd"]) == ("FileNotFoundError", "FileNotFoundError")
    assert {"home", "etc", "var", "proc", "sys", "tmp", "run"} & set(probed["root"]) <= {"etc"}
    assert probed["environment"] == []


@needs_isolation
def test_nothing_can_be_written(probed):
    assert set(probed["writes"].values()) <= {"OSError", "FileNotFoundError"}


@needs_isolation
def test_it_is_nobody_alone_on_a_machine_of_its_own(probed):
    assert (probed["user"], probed["pid"], probed["host"]) == (1000, 1, "caf-web")
    assert (probed["kill"], probed["processes"]) == ("ProcessLookupError", "FileNotFoundError")
    assert probed["root_again"] in ("PermissionError", "OSError")


@needs_isolation
def test_memory_and_threads_are_bounded(probed):
    # Linux never counts the processes of root against a limit: a sandbox run as root bounds them by memory only.
    most = 1000 if os.getuid() == 0 else MAX_PROCESSES

    assert probed["memory"] == "MemoryError"
    assert 32 <= probed["threads"] < most


def test_the_data_folder_is_hidden_even_where_the_interpreter_is_mounted_from():
    below = Path(sys.base_prefix).resolve() / "somewhere" / "sandbox"

    command = Jail("bwrap", "prlimit", below).command(site=Path("/s"), script=Path("/p"), host_name="x")

    assert command[command.index("--tmpfs") + 1] == str(below)


@pytest.mark.parametrize(
    ("name", "host"),
    [("web", "web"), ("My Shop!", "my-shop"), ("\u00e9\u00e9", "instance"), ("-a-", "a"), ("x" * 99, "x" * 63)],
)
def test_host_names_resemble_what_instances_are_called(name, host):
    assert host_name_of(name) == host


@needs_isolation
def test_a_killed_sandbox_leaves_no_process_behind_and_its_instances_come_back(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    killable = sandbox_process(tmp_path)
    instance = wait_until_active(killable, create(killable)["id"])
    site = site_of(instance)
    assert httpx2.get(site).text == "hello"
    many = [create(killable)["id"] for _ in range(6)]  # killed while they start

    killable.end(signal.SIGKILL)
    wait_for(lambda: processes_of(tmp_path) == [], what="the end of its processes", seconds=5)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(site)

    again = sandbox_process(tmp_path, killable.port)
    wait_for(lambda: _text(site) == "hello", what="the page")
    assert {wait_until_active(again, instance_id)["status"] for instance_id in many} == {"ACTIVE"}
    assert again.call("DELETE", f"{again.project(ALICE)}/instance/{instance['id']}", account=ALICE).status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(site)
    again.end(signal.SIGTERM)
    wait_for(lambda: processes_of(tmp_path) == [], what="the end of its processes", seconds=5)


def test_without_bubblewrap_creating_is_refused_with_the_command_that_installs_it(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    (tmp_path / "empty").mkdir()
    sandbox = sandbox_process(tmp_path, path=str(tmp_path / "empty"))
    project = sandbox.project(ALICE)
    for path, body in (("instance", WANTED), ("region/GRA1/instance", IN_REGION)):
        answer = sandbox.call("POST", f"{project}/{path}", account=ALICE, body=body)
        assert (answer.status_code, answer.json()["errorCode"]) == (409, "CONFLICT")
        assert "apt-get install bubblewrap" in answer.json()["message"]
    assert sandbox.call("GET", f"{project}/instance", account=ALICE).json() == []
    assert sandbox.call("GET", project, account=ALICE).status_code == 200


@needs_isolation
def test_kills_at_any_moment_of_starting_instances_leave_nothing_behind_and_lose_nothing(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    made: list[str] = []
    port = None
    for round_ in range(8):
        sandbox = sandbox_process(tmp_path, port)
        port = sandbox.port
        made += [create(sandbox)["id"] for _ in range(2)]
        time.sleep(round_ * 0.01)  # not luck: another moment of starting each time
        sandbox.end(signal.SIGKILL)
        wait_for(lambda: processes_of(tmp_path) == [], what="the end of its processes", seconds=5)

    last = sandbox_process(tmp_path, port)
    sites = {site_of(wait_until_active(last, instance_id)) for instance_id in made}
    assert len(sites) == len(made)
    wait_for(lambda: all(_text(site) == "hello" for site in sites), what="the pages")


@needs_isolation
def test_what_a_killed_sandbox_left_running_is_ended_by_the_next(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    site = tmp_path / "instances" / "taken-over"
    site.mkdir(parents=True)
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text("import time\nwhile True:\n    time.sleep(1)\n")
    jail = Isolation(hidden=tmp_path).jail()
    assert isinstance(jail, Jail)
    left = subprocess.Popen(jail.command(site=site, script=stubborn, host_name="x"), stdin=subprocess.DEVNULL)
    wait_for(lambda: processes_of(tmp_path) == [left.pid], what="the process")

    sandbox_process(tmp_path)

    assert left.wait(10) != 0
    wait_for(lambda: not site.exists(), what="the end of its files")


@needs_isolation
def test_an_instance_that_could_not_be_isolated_at_one_start_serves_after_the_next(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    first = sandbox_process(tmp_path)
    instance = wait_until_active(first, create(first)["id"])
    first.end(signal.SIGKILL)
    (tmp_path / "empty").mkdir()

    without = sandbox_process(tmp_path, first.port, path=str(tmp_path / "empty"))
    path = f"{without.project(ALICE)}/instance/{instance['id']}"
    wait_for(lambda: without.call("GET", path, account=ALICE).json()["status"] == "ERROR", what="the error")
    assert without.call("GET", path, account=ALICE).json()["ipAddresses"] == []
    without.end(signal.SIGTERM)

    again = sandbox_process(tmp_path, first.port)
    wait_for(lambda: again.call("GET", path, account=ALICE).json() == instance, what="the instance")
    assert _text(site_of(instance)) == "hello"


def test_where_bubblewrap_cannot_work_its_words_are_passed_on(tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)

    obstacle = Isolation(hidden=tmp_path, search_path=f"{tmp_path}:{os.environ['PATH']}").jail()

    assert isinstance(obstacle, str)
    assert "No permissions to create new namespace" in obstacle
    assert "sysctl" in obstacle


def _text(site: str) -> str:
    try:
        return httpx2.get(site, timeout=5).text
    except httpx2.HTTPError:
        return ""
