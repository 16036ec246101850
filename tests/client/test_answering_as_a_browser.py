"""Answering a permission request over HTTP: what the pages offer, and nothing else."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.pages_site import PagesSite
from mandat.client.approval import Approval, ApprovalFailed, approve
from mandat.client.forms import read_page

URL = "http://pages.test/auth/?credentialToken=abc"


def answer(site: PagesSite, **options: object) -> Approval:
    options = {"login": "alice", "password": "pass word+é"} | options
    return approve(URL, transport=site.transport(), **options)


def test_a_confirmation_is_what_the_page_says() -> None:
    site = PagesSite()
    assert answer(site) == Approval("confirmed", None, "Confirmed")
    assert site.answered == {
        "rules_hash": ["h1"], "validity": ["7776000"], "note": ["a < b"], "on": ["on"], "answer": ["confirm"],
    }  # fmt: skip


def test_a_refusal_presses_the_other_button() -> None:
    site = PagesSite(follow="https://shop.test/")
    assert answer(site, refuse=True).outcome == "refused"
    assert site.answered is not None
    assert site.answered["answer"] == ["refuse"]


@pytest.mark.parametrize(("validity", "sent"), [(60, "60"), ("unlimited", "unlimited"), (None, "7776000")])
def test_the_validity_is_filled_in(validity: object, sent: str) -> None:
    site = PagesSite()
    answer(site, validity=validity)
    assert site.answered is not None
    assert site.answered["validity"] == [sent]


@pytest.mark.parametrize(
    "follow", ["https://shop.test/back?a=1#x", "http://pages.test/somewhere", "http://pages.test:81/auth/"]
)
def test_the_applications_address_is_told_and_not_visited(follow: str) -> None:
    site = PagesSite(follow=follow)
    assert answer(site) == Approval("confirmed", follow, "")
    assert site.requests[-1].method == "POST"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"password": "wrong"}, "login was not accepted .status 403.: This login and password do not belong together"),
        ({"validity": 5}, "not taken .status 400.: at least 60"),
    ],
)
def test_what_the_page_refuses_is_an_error_with_its_words(options: dict[str, object], said: str) -> None:
    with pytest.raises(ApprovalFailed, match=said):
        answer(PagesSite(), **options)


@pytest.mark.parametrize(
    "end", [(410, "ended", "Already answered"), (200, "error", "Hm"), (200, "", "Any page"), (500, "done", "x")]
)
def test_only_the_page_that_says_so_counts_as_done(end: tuple[int, str, str]) -> None:
    site = PagesSite()
    site.end = end
    with pytest.raises(ApprovalFailed, match=end[2]):
        answer(site)


def test_an_unknown_address_is_an_error() -> None:
    with pytest.raises(ApprovalFailed, match="nothing to confirm"):
        approve("http://pages.test/other", login="a", password="b", transport=PagesSite().transport())


@pytest.mark.parametrize("location", ["https://elsewhere.test/", "/auth/?credentialToken=again"])
def test_redirects_elsewhere_or_in_a_circle_are_errors(location: str) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(302, headers={"Location": location}))
    with pytest.raises(ApprovalFailed, match=r"elsewhere\.test|circle"):
        approve(URL, login="a", password="b", transport=transport)


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(ApprovalFailed, match="cannot be reached"):
        approve("http://127.0.0.1:1/auth/", login="a", password="b")


@given(st.text())
def test_no_text_breaks_the_reader(html: str) -> None:
    read_page(html)
    read_page(f"<form><select name=a><option value=1><textarea name=b role=alert>{html}")
