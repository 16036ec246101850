"""A child's beginning: when it may begin, and that it does not begin for nobody."""

import json
import os
import subprocess
import sys

BEGIN = """
import sys
from mandat.server.processes.children import child_options
print("loaded", flush=True)
child_options(sys.argv)
print("began")
"""


def child(**options: object) -> "subprocess.Popen[str]":
    """A child that only says that it began."""
    command = [sys.executable, "-c", BEGIN, json.dumps(options)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_child_begins_for_the_process_that_started_it() -> None:
    with child(supervisor=os.getpid()) as one:
        assert one.communicate()[0] == "loaded\nbegan\n"


def test_a_child_whose_supervisor_died_meanwhile_ends() -> None:
    with child(supervisor=os.getppid()) as one:
        assert one.communicate()[0] == "loaded\n"
    assert one.returncode == 1


def test_a_child_that_waits_begins_when_it_is_told_to() -> None:
    with child(supervisor=os.getpid(), waits=True) as one:
        assert one.stdout is not None and one.stdout.readline() == "loaded\n"
        try:
            one.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            pass
        else:
            raise AssertionError("it did not wait")
        assert one.communicate()[0] == "began\n"
