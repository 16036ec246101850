"""Which bytes are one clear HTTP message: what httptools refuses by itself, and what only our own checks refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.enforcement.gateway.framing import FramingFault, RequestHead, RequestParser, split_chunked
from mandat.enforcement.gateway.upstream.answer_framing import (
    AT_HEAD,
    BY_CLOSE,
    BY_LAST_CHUNK,
    BY_LENGTH,
    AnswerHead,
    AnswerParser,
    Ending,
)

BAD_FIELDS = [
    b"X: a\r\n b",
    b"X: a\r\n\tb",
    b"X:\r\n b",
    b"X: a\nY: b",
    b"X: a\rY: b",
    b"X: a\r",
    b"X: a\0b",
    b"X: a\x01b",
    b"X: a\x0bb",
    b"X: a\x1fb",
    b"X: a\x7fb",
    b"X : a",
    b"X\t: a",
    b"X\x01: a",
    b"X\x80: a",
    b"X(: a",
    b": a",
    b"Xa",
    b" X: a",
    b"\tX: a",
    b" ",
]


def _request(head: bytes) -> RequestHead | FramingFault:
    return RequestParser(64).read_head(head)


def _answer(head: bytes, *, to_head: bool = False) -> AnswerHead | FramingFault:
    return AnswerParser().read_head(head, is_answer_to_head=to_head)


@pytest.mark.parametrize("field", BAD_FIELDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_field_that_is_no_field_is_refused_in_requests_and_answers(field: bytes, is_first: bool) -> None:
    fields = [field, b"Host: a"] if is_first else [b"Host: a", field]
    assert isinstance(_request(b"\r\n".join([b"GET / HTTP/1.1", *fields, b"", b""])), FramingFault)
    assert isinstance(_answer(b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b"", b""])), FramingFault)


TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 4\r\n", b"Connection: keep-alive\r\n"])
def test_the_trace_that_a_caller_is_in_is_read(framing: bytes) -> None:
    head = _request(b"GET / HTTP/1.1\r\nHost: a\r\n" + framing + b"TraceParent: " + TRACE + b"\r\n\r\n")
    assert isinstance(head, RequestHead)
    assert head.trace.encode() == TRACE


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (TRACE, TRACE),
        (TRACE[:-1],),
        (TRACE + b"0",),
        (TRACE.upper(),),
        (b"ff" + TRACE[2:],),
        (b"00-" + b"0" * 32 + TRACE[35:],),
        (TRACE[:36] + b"0" * 16 + TRACE[52:],),
        (TRACE.replace(b"-", b"_"),),
        (TRACE[:-1] + b"\xff",),
    ],
)
def test_what_is_no_trace_is_none_and_no_fault(values: tuple[bytes, ...]) -> None:
    head = _request(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"traceparent: %s\r\n" % v for v in values) + b"\r\n")
    assert isinstance(head, RequestHead)
    assert head.trace == ""


def test_a_clear_head_is_read_as_it_is() -> None:
    head = _request(
        b"POST /a?b HTTP/1.1\r\nHOST: x \t\r\nX-Empty:\r\nX:  caf\xc3\xa9 \t \r\nConnection: Keep-Alive, X\r\n"
        b"connection: close\r\nContent-Length: 007\r\nExpect: 100-Continue\r\n\r\n"
    )
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.host) == (b"POST", b"/a?b", b"x")
    assert head.headers[:3] == [(b"host", b"x"), (b"x-empty", b""), (b"x", b"caf\xc3\xa9")]
    assert head.connection_options == {b"keep-alive", b"x", b"close"}
    assert (head.content_length, head.expects_continue, head.keeps_alive) == (7, True, False)


@pytest.mark.parametrize(
    ("head", "to_head", "ending", "length", "keeps_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", False, BY_LENGTH, 3, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False, BY_LENGTH, 0, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: Close\r\n\r\n", False, BY_LENGTH, 3, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", False, BY_LENGTH, 3, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", False, BY_LAST_CHUNK, None, True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False, BY_CLOSE, None, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", True, AT_HEAD, 3, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True, AT_HEAD, None, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, AT_HEAD, None, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", False, AT_HEAD, 3, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", False, AT_HEAD, None, True),
    ],
)
def test_an_answer_ends_where_http_says(
    head: bytes, to_head: bool, ending: Ending, length: int | None, keeps_alive: bool
) -> None:
    answer = _answer(head, to_head=to_head)
    assert isinstance(answer, AnswerHead)
    assert (answer.ending, answer.content_length, answer.keeps_alive) == (ending, length, keeps_alive)


def test_more_fields_than_the_limit_are_refused_and_the_limit_itself_is_not() -> None:
    start = b"GET / HTTP/1.1\r\nHost: a\r\n"
    assert isinstance(_request(start + b"X: y\r\n" * 63 + b"\r\n"), RequestHead)
    assert isinstance(_request(start + b"X: y\r\n" * 64 + b"\r\n"), FramingFault)


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=12), st.just(b"\r\n\r\n"), st.just(b"0\r\n\r\n")), max_size=8),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_a_chunked_body_ends_at_its_end_however_it_is_cut_into_packets(bodies: list[bytes], cuts: list[int]) -> None:
    parser = RequestParser(64)
    parser.read_head(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    whole = b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"
    stream = whole + b"GET /next HTTP/1.1\r\n\r\n"
    fed, found, position = 0, b"", 0
    for cut in [*cuts, len(stream)]:
        packet, position = stream[position : position + cut], position + cut
        for piece in split_chunked(packet, stream[max(0, fed - 3) : fed]):
            assert parser.feed_body(piece) is None
            found += b"".join(parser.take_body())
            fed += len(piece)
            if parser.is_complete:
                assert (fed, found) == (len(whole), b"".join(bodies))
                return
    raise AssertionError("the end was not found")


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parsers_raise(rubbish: bytes) -> None:
    _request(rubbish + b"\r\n\r\n")
    _request(b"GET / HTTP/1.1\r\nHost: a\r\n" + rubbish + b"\r\n\r\n")
    _answer(rubbish + b"\r\n\r\n")
    _answer(b"HTTP/1.1 200 OK\r\n" + rubbish + b"\r\n\r\n")
