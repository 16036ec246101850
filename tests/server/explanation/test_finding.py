"""The line of one exchange is found wherever the log was rotated to."""

import gzip
import os
from pathlib import Path

import msgspec
import pytest

from mandat.enforcement.access_log import LogLine
from mandat.server.explanation.finding import find_line
from mandat.server.explanation.nearest import nearest_rule
from support.deciding import rules_of


def lines(*ids: str) -> bytes:
    made = [
        LogLine(time=1.0, query_id=each, address="::1", method="GET", path="/1.0/x", status=200, seconds=0.1)
        for each in ids
    ]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in made)


def found(log: Path, query_id: str) -> str | None:
    line = find_line(log, query_id)
    return None if line is None else line.query_id


def test_the_line_is_found_at_either_end_and_in_the_middle(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_bytes(lines("EU.a.1", "EU.a.2", "EU.a.3"))
    assert [found(log, each) for each in ("EU.a.1", "EU.a.2", "EU.a.3", "EU.a.4", "EU.a")] == [
        "EU.a.1",
        "EU.a.2",
        "EU.a.3",
        None,
        None,
    ]


@pytest.mark.parametrize("name", ["access.jsonl.1", "access.jsonl-20300131"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_rotated_files_are_looked_into(tmp_path: Path, name: str, is_packed: bool) -> None:
    (tmp_path / "access.jsonl").write_bytes(b"")
    old = tmp_path / (name + ".gz" if is_packed else name)
    old.write_bytes(gzip.compress(lines("EU.a.1", "EU.a.2")) if is_packed else lines("EU.a.1", "EU.a.2"))
    os.utime(old, (1, 1))
    assert found(tmp_path / "access.jsonl", "EU.a.2") == "EU.a.2"


def test_a_path_that_looks_like_the_member_is_not_taken_for_it(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    liar = LogLine(
        time=1.0, query_id="EU.a.1", address="", method="GET", path='"query_id":"EU.a.9"', status=200, seconds=0.1
    )
    log.write_bytes(msgspec.json.encode(liar) + b"\n")
    assert found(log, "EU.a.9") is None


@pytest.mark.parametrize("content", [b"", b'{"query_id":"EU.a.1"', b'"query_id":"EU.a.1"\n', b"\xff\xfe"])
def test_a_torn_log_is_no_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "access.jsonl").write_bytes(content)
    (tmp_path / "access.jsonl.1.gz").write_bytes(b"no gzip")
    (tmp_path / "access.jsonl.2.gz").write_bytes(gzip.compress(lines("EU.a.2"))[:-9])
    assert found(tmp_path / "access.jsonl", "EU.a.1") is None


def test_a_log_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert found(tmp_path / "nowhere" / "access.jsonl", "EU.a.1") is None


@pytest.mark.parametrize(
    ("rules", "missing", "nearest"),
    [
        (["GET /a", "GET /a/b", "POST /x"], "POST /a/b", "GET /a/b"),
        (["GET /a/*", "POST /a/b/c"], "POST /a/b/d", "GET /a/*"),
        (["GET /a/1", "POST /a/2"], "POST /a/3", "POST /a/2"),
        (["GET /a/b/*", "GET /z"], "GET /a/b", "GET /a/b/*"),
        ([], "GET /a", None),
    ],
)
def test_the_nearest_rule_differs_in_as_little_as_there_is(rules: list[str], missing: str, nearest: str | None) -> None:
    told = nearest_rule(rules_of(*rules), rules_of(missing)[0])
    assert (None if told is None else str(told)) == nearest
