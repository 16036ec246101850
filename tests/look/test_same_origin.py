"""Which POST comes from one of our own pages."""

import pytest

from mandat.look.same_origin import is_same_origin

OURS = "https://auth.example"


@pytest.mark.parametrize(
    ("origin", "fetch_site", "ours"),
    [
        (OURS, "same-origin", True),
        (OURS, None, True),
        (None, "same-origin", True),
        ("null", "same-origin", True),
        (None, None, False),
        ("null", None, False),
        ("null", "cross-site", False),
        ("https://evil.example", "same-origin", False),
        ("https://evil.example", "cross-site", False),
        ("https://auth.example.evil.example", None, False),
        ("http://auth.example", None, False),
        ("https://auth.example:8443", None, False),
        (None, "same-site", False),
        (None, "none", False),
        ("", "same-origin", False),
    ],
)
def test_origin_decides_and_fetch_metadata_stands_in_for_it(
    origin: str | None, fetch_site: str | None, ours: bool
) -> None:
    assert is_same_origin(origin=origin, fetch_site=fetch_site, own_origin=OURS) is ours
