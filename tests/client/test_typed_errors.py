"""Errors: one class per error code, recognised in both generations of error body."""

import httpx2
import pytest

from doubles.wire_api import AK, AS, CK
from mandat import client as sdk
from mandat.client import AccessRule, ApiFault, Client
from mandat.client.error_bodies import fault_of, read_error
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields


def raised(status: int, body: object, **headers: str) -> ApiFault:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/auth/time"):
            return httpx2.Response(200, content=b"1700000000")
        if isinstance(body, bytes):
            return httpx2.Response(status, content=body, headers=headers)
        return httpx2.Response(status, json=body, headers=headers)

    with pytest.raises(ApiFault) as caught:
        Client("http://api.test", AK, AS, CK, transport=httpx2.MockTransport(handle)).get("/me")
    return caught.value


EXPECTED = {
    Reason.INVALID_KEY: sdk.InvalidKey,
    Reason.NOT_CREDENTIAL: sdk.NotCredential,
    Reason.INVALID_CREDENTIAL: sdk.InvalidCredential,
    Reason.NOT_GRANTED_CALL: sdk.NotGrantedCall,
    Reason.INVALID_SIGNATURE: sdk.InvalidSignature,
    Reason.QUERY_TIME_OUT: sdk.QueryTimeOut,
    Reason.MISSING_CREDENTIAL: sdk.MissingCredential,
    Reason.NON_CANONICAL_TARGET: sdk.InvalidUrl,
    Reason.UNKNOWN_ROUTE: sdk.UnknownRoute,
    Reason.UNKNOWN_OBJECT: sdk.ResourceNotFound,
    Reason.CONFLICT: sdk.ResourceConflict,
    Reason.ADDRESS_NOT_ALLOWED: sdk.Forbidden,
    Reason.BAD_PARAMETER: sdk.BadParameters,
    Reason.TOO_MANY_REQUESTS: sdk.TooManyPermissionRequests,
    Reason.STORAGE_UNAVAILABLE: sdk.ServiceUnavailable,
    Reason.UPSTREAM_TIMED_OUT: sdk.UpstreamFault,
}


@pytest.mark.parametrize("reason", EXPECTED)
def test_a_reason_of_the_wire_becomes_its_class(reason: Reason) -> None:
    fields = refusal_fields(reason, query_id="FR.x", details={"a": "b"})
    fault = raised(WORDINGS[reason].status, fields)
    assert type(fault) is EXPECTED[reason]
    assert (fault.status, fault.error_code) == (WORDINGS[reason].status, WORDINGS[reason].error_code)
    assert (fault.message, fault.details, fault.query_id) == (fields["message"], {"a": "b"}, "FR.x")


@pytest.mark.parametrize("reason", Reason)
def test_every_error_code_is_known_to_the_sdk(reason: Reason) -> None:
    """Told apart from its status alone: an unheard-of status makes the code decide."""
    fields = refusal_fields(reason)
    nowhere = read_error(
        499 if fields["errorCode"] != "INVALID_URL" else 404, {}, httpx2.Response(200, json=fields).content
    )
    assert type(fault_of(nowhere)) is not ApiFault


@pytest.mark.parametrize(
    ("status", "error_class", "message", "kind"),
    [
        (403, "Client::Forbidden", "This call has not been granted", sdk.NotGrantedCall),
        (403, "Client::Forbidden", "This credential is not valid", sdk.InvalidCredential),
        (403, "Client::Forbidden", "This credential does not exist", sdk.NotCredential),
        (403, "Client::Forbidden", "Invalid application key", sdk.InvalidKey),
        (403, "Client::Forbidden", "User not granted for this request", sdk.Forbidden),
        (400, "Client::BadRequest", "Invalid signature", sdk.InvalidSignature),
        (400, "Client::BadRequest::X", "no such thing", sdk.BadParameters),
        (401, "Client::Unauthorized", "You must login first", sdk.MissingCredential),
        (404, "Client::NotFound", "This service does not exist", sdk.ResourceNotFound),
        (404, "Client::NotFound", "Got an invalid (or empty) URL", sdk.UnknownRoute),
        (460, "Client::Expired", "expired", sdk.ResourceExpired),
        (500, "Server::InternalServerError", "oops", sdk.ServerFault),
        (418, "Client::Teapot", "short and stout", ApiFault),
    ],
)
def test_the_newer_generation_without_error_code_is_recognised(
    status: int, error_class: str, message: str, kind: type[ApiFault]
) -> None:
    fault = raised(status, {"class": error_class, "message": message}, **{"X-OVH-QUERYID": "EU.1"})
    assert type(fault) is kind
    assert (fault.error_class, fault.message, fault.query_id) == (error_class, message, "EU.1")


def test_a_business_error_that_quotes_a_known_text_is_not_mistaken() -> None:
    assert type(raised(409, {"message": "This credential is not valid"})) is sdk.ResourceConflict


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("status", [400, 403, 404, 429, 502])
def test_a_body_that_is_not_the_wires_still_gives_the_class_of_its_status(status: int, body: bytes) -> None:
    fault = raised(status, body)
    assert fault.status == status
    assert type(fault) is not ApiFault
    assert fault.message


@pytest.mark.parametrize(
    "body", [{"message": 5, "errorCode": [], "details": "x", "class": None}, {"details": {"a": {"b": 1}}, "queryId": 7}]
)
def test_members_of_wrong_type_do_no_harm(body: object) -> None:
    assert raised(400, body).status == 400


def test_a_missing_rule_is_named() -> None:
    fault = raised(403, {"errorCode": "NOT_GRANTED_CALL", "details": {"missingRule": "PUT /domain/zone/*/x y"}})
    assert isinstance(fault, sdk.NotGrantedCall)
    assert fault.missing_rule == AccessRule("PUT", "/domain/zone/*/x y")
    assert sdk.NotGrantedCall(read_error(403, {}, b"{}")).missing_rule is None


def test_waiting_times_are_numbers_or_none() -> None:
    waiting = raised(429, {"errorCode": "QUOTA_EXCEEDED"}, **{"Retry-After": "12"})
    assert isinstance(waiting, sdk.TooManyCalls)
    assert waiting.retry_after_seconds == 12
    dated = raised(429, {}, **{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert isinstance(dated, sdk.TooManyCalls)
    assert dated.retry_after_seconds is None


def test_the_text_of_an_error_has_all_a_support_case_needs() -> None:
    fault = raised(403, refusal_fields(Reason.NOT_GRANTED_CALL, query_id="EU.ext-3.1"))
    assert str(fault) == "403 NOT_GRANTED_CALL: This call has not been granted (query id EU.ext-3.1)"
