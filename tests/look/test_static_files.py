"""The static files and their addresses."""

import re

import pytest

from mandat.look.static import STATIC_FILES, asset_path


def test_the_address_of_a_file_carries_its_version() -> None:
    assert re.fullmatch(r"/static/mandat\.css\?v=[0-9a-f]{16}", asset_path("mandat.css"))


def test_there_is_no_address_for_a_file_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        asset_path("other.css")


def test_only_a_versioned_address_is_kept_for_ever() -> None:
    file = STATIC_FILES["/static/mandat.css"]
    assert "immutable" in file.headers(versioned=True)["Cache-Control"]
    assert "immutable" not in file.headers(versioned=False)["Cache-Control"]


def test_the_style_sheet_loads_nothing_from_elsewhere() -> None:
    css = STATIC_FILES["/static/mandat.css"].content.decode()
    assert "url(" not in css
    assert "@import" not in css
