"""The access log is followed from its end on, over every way to rotate it, and no line comes twice."""

from pathlib import Path

import msgspec
import pytest

from mandat.enforcement.access_log import LogLine
from mandat.server.tracing.following import PIECE_BYTES, SILENT_SECONDS, LogFollower


def line(query_id: str) -> bytes:
    made = LogLine(time=1.0, query_id=query_id, address="::1", method="GET", path="/1.0/x", status=200, seconds=0.1)
    return msgspec.json.encode(made) + b"\n"


def append(log: Path, *texts: bytes) -> None:
    with log.open("ab") as opened:
        opened.write(b"".join(texts))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.jsonl"


def read(follower: LogFollower, now: float = 0.0) -> list[str]:
    return [each.query_id for each in follower.read(now)]


def test_what_was_written_before_is_left_out_and_what_comes_after_is_given_once(log: Path) -> None:
    append(log, line("old"))
    follower = LogFollower(log, 0.0)
    append(log, line("a"), line("b"))
    assert [read(follower), read(follower)] == [["a", "b"], []]


def test_a_log_that_does_not_exist_yet_is_read_from_its_beginning(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    assert read(follower) == []
    append(log, line("a"))
    assert read(follower) == ["a"]


def test_a_line_that_is_written_in_two_pieces_is_given_when_it_is_whole(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    whole = line("a")
    append(log, whole[:20])
    assert read(follower) == []
    append(log, whole[20:] + line("b")[:5])
    assert read(follower) == ["a"]


def test_a_renamed_file_is_read_on_beside_the_new_one(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    append(log, line("a"))
    assert read(follower) == ["a"]
    old = log.rename(log.with_name("access.jsonl.1"))
    append(old, line("b"))
    assert read(follower) == ["b"]
    append(log, line("d"))
    append(old, line("c"))
    assert read(follower) == ["c", "d"]
    append(old, line("e"))
    old.unlink()
    assert read(follower) == ["e"]


def test_the_rest_of_a_renamed_file_is_not_lost_when_the_new_one_is_there_already(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    append(log, line("a"))
    assert read(follower) == ["a"]
    append(log, line("b"))
    log.rename(log.with_name("access.jsonl.1"))
    append(log, line("c"))
    assert read(follower) == ["b", "c"]


def test_a_file_that_is_silent_for_long_is_closed_once_another_has_its_name(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    append(log, line("a"))
    assert read(follower) == ["a"]
    assert read(follower, SILENT_SECONDS * 2) == []
    append(log, line("b"))
    assert read(follower, SILENT_SECONDS * 3) == ["b"]  # it has its name still
    old = log.rename(log.with_name("access.jsonl.1"))
    append(log, b"")
    assert read(follower, SILENT_SECONDS * 3) == []
    assert read(follower, SILENT_SECONDS * 4 + 1) == []
    append(old, line("c"))
    assert read(follower, SILENT_SECONDS * 4 + 1) == []


def test_however_often_it_is_rotated_few_files_stay_open(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    given = []
    for number in range(40):
        append(log, line(f"q{number}"))
        given += read(follower)
        log.rename(log.with_name(f"access.jsonl.{number}"))
    assert given == [f"q{number}" for number in range(40)]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 9


def test_a_file_that_is_emptied_in_place_is_read_from_its_beginning(log: Path) -> None:
    follower = LogFollower(log, 0.0)
    append(log, line("a"), line("b"))
    assert read(follower) == ["a", "b"]
    log.write_bytes(line("c"))
    assert read(follower) == ["c"]


@pytest.mark.parametrize(
    "rubbish", [b"{}\n", b"\xff\xfe\n", b'{"query_id":1}\n', b"\n", b"x" * (PIECE_BYTES * 3) + b"\n"]
)
def test_what_is_no_line_of_ours_is_passed_over(log: Path, rubbish: bytes) -> None:
    follower = LogFollower(log, 0.0)
    append(log, line("a"), rubbish, line("b"))
    assert [each for _ in range(5) for each in read(follower)] == ["a", "b"]
