"""The ASGI door without a server: what it refuses to work with, what the application gets, what is given back."""

import json

import pytest

from doors.in_memory import Application, Asgi, asgi_call, make_grants, make_guard
from doors.table import HOST
from mandat.enforcement.asgi import AsgiDoor
from mandat.enforcement.doors.guard import Guard
from mandat.enforcement.doors.heads import UnusableServer
from mandat.enforcement.settings import Limits
from mandat.protocol.networks import parse_network


async def served(call: Asgi, application: Application | None = None, guard: Guard | None = None) -> Application:
    """The application after the call."""
    inner = application or Application()
    await AsgiDoor(inner, guard or make_guard())(call.scope, call.receive, call.send)
    return inner


async def test_the_application_learns_who_calls_beside_what_the_server_said() -> None:
    application = await served(asgi_call(target="/1.0/me?a=b"))
    (scope,) = application.scopes
    identity = scope["state"]["mandat"]
    assert (identity.account, identity.application, identity.credential) == ("aa1-mandat", 1, 11)
    assert identity.address == "192.0.2.7"
    assert scope["state"]["of the server"] == 1
    assert (scope["raw_path"], scope["query_string"], scope["client"]) == (b"/1.0/me", b"a=b", ("192.0.2.7", 4711))
    assert scope["scheme"] == "https"
    assert not any(name.startswith(b"x-ovh-") for name, _ in scope["headers"])


async def test_the_server_s_own_scope_is_left_as_it_was() -> None:
    call = asgi_call()
    before = dict(call.scope), list(call.scope["headers"]), dict(call.scope["state"])
    await served(call)
    assert (dict(call.scope), list(call.scope["headers"]), dict(call.scope["state"])) == before


async def test_a_server_without_the_raw_path_is_refused() -> None:
    call = asgi_call()
    del call.scope["raw_path"]
    with pytest.raises(UnusableServer, match="raw_path"):
        await served(call)


async def test_a_path_that_was_rewritten_before_the_door_is_an_error_not_a_passage() -> None:
    application = Application()
    with pytest.raises(UnusableServer, match="rewrites paths"):
        await served(asgi_call(path="/1.0/vps"), application)
    assert application.scopes == []


async def test_a_mounted_path_counts_as_the_same() -> None:
    call = asgi_call(path="/me", root_path="/1.0")
    assert len((await served(call)).scopes) == 1


async def test_an_encoded_path_is_compared_as_the_application_reads_it() -> None:
    call = asgi_call(target="/1.0/caf%C3%A9", path="/1.0/café")
    assert len((await served(call)).scopes) == 1


async def test_the_judged_body_is_handed_on_in_one_piece_and_then_only_that_the_caller_left() -> None:
    call = asgi_call("POST", body=b'{"a":1}', parts=[b'{"a"', b":1}"])
    application = await served(call, Application(reads=2))
    first, second = application.messages
    assert first == {"type": "http.request", "body": b'{"a":1}', "more_body": False}
    assert second == {"type": "http.disconnect"}
    assert (b"content-length", b"7") in application.scopes[0]["headers"]


async def test_a_body_that_nobody_announced_does_not_reach_the_application() -> None:
    call = asgi_call("POST", parts=[b'{"evil":1}'])
    application = await served(call, Application(reads=2))
    assert [message.get("body") for message in application.messages] == [b"", None]


async def test_http_2_bodies_need_no_announcement_to_be_judged() -> None:
    right = asgi_call("POST", body=b"{}", announce=False, http_version="2")
    assert (await served(right)).messages[0]["body"] == b"{}"
    wrong = asgi_call("POST", parts=[b"{}"], http_version="2")
    application = await served(wrong)
    assert (wrong.status, application.scopes) == (400, [])


async def test_bodies_are_bounded_and_given_back_to_the_budget() -> None:
    guard = make_guard(limits=Limits(max_body_bytes=8, buffer_bytes=8))
    for _ in range(3):
        fitting = asgi_call("POST", body=b'"123456"')
        await served(fitting, guard=guard)
        large = asgi_call("POST", body=b'"1234567"', announce=False, fields=[(b"transfer-encoding", b"chunked")])
        await served(large, guard=guard)
        assert large.status == 413
    assert guard.budget.take(8), "something was not given back"


async def test_without_room_for_a_body_the_call_is_put_off() -> None:
    guard = make_guard(limits=Limits(buffer_bytes=4))
    call = asgi_call("POST", body=b'"123456"')
    await served(call, guard=guard)
    assert (call.status, call.headers["retry-after"]) == (503, "1")


async def test_a_caller_that_leaves_before_its_body_is_complete_gets_no_answer() -> None:
    guard = make_guard()
    call = asgi_call("POST", body=b"{}", parts=[b"{"])
    call.messages[0]["more_body"] = True
    application = await served(call, guard=guard)
    assert (call.sent, application.scopes) == ([], [])
    assert guard.budget.take(guard.limits.buffer_bytes)


async def test_storage_that_is_down_refuses_with_503() -> None:
    grants = make_grants()
    grants.is_down = True
    call = asgi_call()
    application = await served(call, guard=make_guard(grants))
    assert (call.status, application.scopes) == (503, [])
    assert json.loads(call.body)["errorCode"] == "SERVICE_UNAVAILABLE"


async def test_what_is_not_in_memory_yet_is_found() -> None:
    grants = make_grants()
    grants.is_cold = True
    assert len((await served(asgi_call(), guard=make_guard(grants))).scopes) == 1


async def test_open_routes_pass_unjudged_with_login_fields_and_nothing_of_ours() -> None:
    guard = make_guard(open_routes=frozenset({("GET", "/health")}))
    fields = [(b"cookie", b"a=b"), (b"x-mandat-account", b"spoofed"), (b"x_mandat_account", b"spoofed")]
    for method in ("GET", "HEAD"):
        call = asgi_call(method, "/health?deep=1", fields=fields)
        application = await served(call, guard=guard)
        names = [name for name, _ in application.scopes[0]["headers"]]
        assert b"cookie" in names
        assert not any(b"mandat" in name for name in names)
        assert "mandat" not in application.scopes[0]["state"]
        assert call.headers["x-ovh-queryid"]
    other = asgi_call("POST", "/health")
    assert (await served(other, guard=guard)).scopes == []
    assert other.status == 404


async def test_websockets_are_refused_and_lifespans_are_the_application_s() -> None:
    call = asgi_call()
    application = await served(Asgi({"type": "websocket"}, sent=call.sent), Application())
    assert application.scopes == []
    assert call.sent[0]["type"] == "websocket.close"
    lifespans: list[str] = []

    async def own(scope: object, receive: object, send: object) -> None:
        lifespans.append("seen")

    await AsgiDoor(own, make_guard())({"type": "lifespan"}, call.receive, call.send)
    assert lifespans == ["seen"]


async def test_a_trusted_proxy_says_who_calls_and_under_which_name() -> None:
    network = parse_network("192.0.2.7")
    assert network is not None
    guard = make_guard(trusted_proxies=(network,))
    fields = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    application = await served(asgi_call(fields=fields), guard=guard)
    (scope,) = application.scopes
    assert scope["client"] == ("203.0.113.9", 0)
    assert scope["state"]["mandat"].address == "203.0.113.9"
    assert not any(name.startswith(b"x-forwarded") for name, _ in scope["headers"])


async def test_a_stranger_says_nothing_about_itself() -> None:
    application = await served(asgi_call(fields=[(b"x-forwarded-for", b"203.0.113.9")]))
    assert application.scopes[0]["state"]["mandat"].address == "192.0.2.7"


async def test_unix_sockets_are_trusted_only_when_the_operator_says_so() -> None:
    fields = [(b"x-forwarded-for", b"203.0.113.9")]
    trusting = await served(asgi_call(fields=fields, client=None), guard=make_guard(trusts_unix_sockets=True))
    assert trusting.scopes[0]["state"]["mandat"].address == "203.0.113.9"
    other = await served(asgi_call(fields=fields, client=None))
    assert other.scopes[0]["state"]["mandat"].address == ""


async def test_pre_flight_requests_are_answered_for_paths_of_the_api_only() -> None:
    call = asgi_call("OPTIONS")
    await served(call)
    assert (call.status, call.headers["access-control-allow-methods"]) == (200, "GET, POST, PUT, DELETE")
    elsewhere = asgi_call("OPTIONS", "/docs")
    await served(elsewhere)
    assert elsewhere.status == 404
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_the_host_is_that_of_the_caller() -> None:
    application = await served(asgi_call())
    assert (b"host", HOST.encode()) in application.scopes[0]["headers"]


async def test_an_address_that_guesses_waits_and_so_does_everybody_behind_it_but_nobody_else() -> None:
    guard = make_guard(limits=Limits(failures_burst=3, failures_per_second=0.001))
    application = Application()
    for _ in range(3):
        guess = asgi_call()
        guess.scope["headers"] = [
            (name, b"$1$" + b"0" * 40 if name == b"x-ovh-signature" else value)
            for name, value in guess.scope["headers"]
        ]
        await served(guess, application, guard)
        assert guess.status == 400
    honest, elsewhere = asgi_call(), asgi_call(client=("192.0.2.8", 4711))
    await served(honest, application, guard)
    assert (honest.status, json.loads(honest.body)["errorCode"]) == (429, "TOO_MANY_FAILURES")
    assert int(honest.headers["retry-after"]) > 0
    await served(elsewhere, application, guard)
    assert [scope["client"][0] for scope in application.scopes] == ["192.0.2.8"]
