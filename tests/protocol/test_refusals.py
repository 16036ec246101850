"""How a refusal is said."""

import json
from http import HTTPStatus

import pytest

from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields

CLASS_OF_STATUS = {4: "Client::", 5: "Server::"}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_wording_that_both_generations_of_clients_understand(reason):
    wording = WORDINGS[reason]
    fields = refusal_fields(reason, query_id="EU.a.1.2.3", details={"field": "x"})
    assert list(fields) == ["class", "message", "errorCode", "httpCode", "queryId", "details"]
    assert fields["httpCode"].startswith(f"{wording.status} ")
    assert wording.error_class.startswith(CLASS_OF_STATUS[wording.status // 100])
    assert wording.error_code == wording.error_code.upper()
    assert wording.message


@pytest.mark.parametrize("reason", Reason)
def test_the_phrase_is_the_status_s_own(reason):
    status = WORDINGS[reason].status
    phrase = {413: "Request Entity Too Large"}.get(status, HTTPStatus(status).phrase)
    assert refusal_fields(reason)["httpCode"] == f"{status} {phrase}"


def test_what_is_not_given_is_left_out():
    assert set(refusal_fields(Reason.INVALID_KEY, details={})) == {"class", "message", "errorCode", "httpCode"}


def test_a_more_precise_message_replaces_the_own_one():
    assert refusal_fields(Reason.BAD_PARAMETER, message="ttl must be a number")["message"] == "ttl must be a number"


@pytest.mark.parametrize(
    ("reason", "status", "code", "message"),
    [
        (Reason.INVALID_SIGNATURE, 400, "INVALID_SIGNATURE", "Invalid signature"),
        (Reason.REPLAYED, 400, "INVALID_SIGNATURE", "Invalid signature"),
        (Reason.MISSING_CREDENTIAL, 401, "MISSING_CREDENTIAL", "You must login first"),
        (Reason.INVALID_KEY, 403, "INVALID_KEY", "This application key is invalid"),
        (Reason.NOT_CREDENTIAL, 403, "NOT_CREDENTIAL", "This credential does not exist"),
        (Reason.INVALID_CREDENTIAL, 403, "INVALID_CREDENTIAL", "This credential is not valid"),
        (Reason.NOT_GRANTED_CALL, 403, "NOT_GRANTED_CALL", "This call has not been granted"),
        (Reason.UNKNOWN_OBJECT, 404, "NOT_FOUND", "This service does not exist"),
        (Reason.UNKNOWN_ROUTE, 404, "INVALID_URL", "Got an invalid (or empty) URL"),
    ],
)
def test_what_clients_compare_as_text_is_kept_to_the_letter(reason, status, code, message):
    fields = refusal_fields(reason)
    assert (WORDINGS[reason].status, fields["errorCode"], fields["message"]) == (status, code, message)


@pytest.mark.parametrize("reason", Reason)
def test_the_body_is_json_without_a_member_that_go_clients_misread(reason):
    assert "code" not in json.loads(json.dumps(refusal_fields(reason)))
