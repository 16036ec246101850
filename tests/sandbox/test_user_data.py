"""`userData`: which #cloud-config becomes a site, and what is refused with what words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.sandbox.cloud.user_data import MAX_BYTES, UserDataFault, parse_user_data
from mandat.sandbox.instances.running import write_site

ROOT = "/var/www/html"


def files(*entries: str) -> str:
    return "#cloud-config\nwrite_files:\n" + "".join(f"- {entry}\n" for entry in entries)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("#cloud-config", {}),
        ("#cloud-config\n", {}),
        ("#cloud-config\nwrite_files:\n", {}),
        ("#cloud-config\r\nwrite_files: []\r\n", {}),
        ("#cloud-config\npackages: [nginx, libapache2-mod-php8.2]\npackage_update: true\npackage_upgrade: no\n", None),
        (files(f"{{path: {ROOT}/index.html, content: hi}}"), {"index.html": "hi"}),
        (files(f"path: {ROOT}/a\n  content: |\n    one\n    two"), {"a": "one\ntwo\n"}),
        (files(f"{{path: {ROOT}/a/b/c.html}}"), {"a/b/c.html": ""}),
        (files(f"{{path: {ROOT}/caf\u00e9.html, content: '\u20ac'}}"), {"caf\u00e9.html": "\u20ac"}),
        (files(f"{{path: {ROOT}/.well-known/x, content: y}}"), {".well-known/x": "y"}),
        (
            files(f"{{path: {ROOT}/a, content: x, permissions: '0644', owner: 'www-data:www-data', defer: true}}"),
            {"a": "x"},
        ),
        (files(f"{{path: {ROOT}/a, content: x, permissions: 0644, encoding: text/plain}}"), {"a": "x"}),
        (files(f"{{path: {ROOT}/a, content: x}}", f"{{path: {ROOT}/a, content: y, append: true}}"), {"a": "xy"}),
    ],
)
def test_what_is_understood(text, site):
    if site is None:  # `no` is a text in YAML 1.2, which is what is read here
        with pytest.raises(UserDataFault, match="package_upgrade"):
            parse_user_data(text)
    else:
        assert parse_user_data(text) == site


BOMB = "#cloud-config\na: &a [x,x]\nb: &b [*a,*a]\nwrite_files: [*b]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with a line #cloud-config"),
        ("#!/bin/sh\nrm -rf /", "must begin with a line #cloud-config"),
        ("#Cloud-Config\n", "must begin"),
        (" #cloud-config\n", "must begin"),
        ("Content-Type: multipart/mixed", "must begin"),
        ("#cloud-config\n" + "#" * MAX_BYTES, f"larger than {MAX_BYTES} bytes"),
        ("#cloud-config\n- a\n", "must be a mapping"),
        ("#cloud-config\ntext", "must be a mapping"),
        ("#cloud-config\nruncmd: [reboot]\n", "'runcmd', which the sandbox does not carry out"),
        ("#cloud-config\nusers: []\n", "'users'"),
        ("#cloud-config\n1: 2\n", "'1'"),
        ("#cloud-config\n{[a]: b}\n", "does not carry out"),
        ("#cloud-config\nwrite_files: {}\n", "write_files that are not a list"),
        ("#cloud-config\nwrite_files: text\n", "write_files that are not a list"),
        ("#cloud-config\nwrite_files: [" + "{}," * 201 + "]\n", "list of at most 200"),
        ("#cloud-config\npackages: nginx\n", "packages that are not a list"),
        ("#cloud-config\npackages: [[nginx, 1.2]]\n", "packages[0]"),
        ("#cloud-config\npackages: ['; rm']\n", "packages[0]"),
        ("#cloud-config\npackage_update: 1\n", "package_update"),
        (BOMB, "alias or anchor in line 2"),
        ("#cloud-config\nwrite_files: &x []\n", "alias or anchor"),
        (files(f"{{path: {ROOT}/a, content: !!binary aGk=}}"), "tag in line 3"),
        (files(f"{{path: {ROOT}/a, content: !!python/object/apply:os.system [ls]}}"), "tag"),
        ("#cloud-config\nwrite_files: []\nwrite_files: []\n", "duplicate key"),
        (files(f"{{path: {ROOT}/a, path: {ROOT}/b}}"), "duplicate key"),
        ("#cloud-config\na: b\n---\nc: d\n", "more than one document"),
        ("#cloud-config\nwrite_files: " + "[" * 50 + "]" * 50, "too deep"),
        ("#cloud-config\npackages: [" + "a," * 6000 + "]\n", "too much"),
        ("#cloud-config\nwrite_files: [\n", "not acceptable YAML in line"),
        ("#cloud-config\nwrite_files:\n\t- x\n", "YAML"),
        ("#cloud-config\npackages: [2001-99-99]\n", ""),
        (files("just text"), "write_files[0] that is not a mapping"),
        (files("{content: x}"), "write_files[0] without a path"),
        (files("{path: 5}"), "write_files[0].path that is not a text"),
        (files(f"{{path: {ROOT}/a}}", f"{{path: {ROOT}/b, content: 5}}"), "write_files[1].content that is not a text"),
        (files(f"{{path: {ROOT}/a, content: [x]}}"), "write_files[0].content"),
        (files(f"{{path: {ROOT}/a, encoding: b64, content: aGk=}}"), "binary content is not accepted"),
        (files(f"{{path: {ROOT}/a, encoding: gz+b64}}"), "binary content is not accepted"),
        (files(f"{{path: {ROOT}/a, permissions: '0999'}}"), "write_files[0].permissions"),
        (files(f"{{path: {ROOT}/a, permissions: rwx}}"), "write_files[0].permissions"),
        (files(f"{{path: {ROOT}/a, owner: 'a b'}}"), "write_files[0].owner"),
        (files(f"{{path: {ROOT}/a, append: maybe}}"), "write_files[0].append"),
        (files(f"{{path: {ROOT}/a, source: {{uri: 'http://x'}}}}"), "write_files[0].'source'"),
        (files("{path: /etc/passwd}"), "outside the site's root"),
        (files("{path: index.html}"), "outside the site's root"),
        (files(f"{{path: {ROOT}}}"), "outside the site's root"),
        (files(f"{{path: {ROOT}x/a}}"), "outside the site's root"),
        (files("{path: //var/www/html/a}"), "outside the site's root"),
        (files("{path: /var/www/../www/html/a}"), "outside the site's root"),
        (files(f"{{path: {ROOT}/../../../etc/passwd}}"), "'..' segment"),
        (files(f"{{path: {ROOT}/a/../b}}"), "'..' segment"),
        (files(f"{{path: {ROOT}/./a}}"), "'..' segment"),
        (files(f"{{path: {ROOT}//a}}"), "empty"),
        (files(f"{{path: {ROOT}/}}"), "empty"),
        (files(f"{{path: {ROOT}/a/}}"), "empty"),
        (files(f"{{path: {ROOT}/{'a' * 256}}}"), "overlong"),
        (files(f"{{path: {ROOT}/{'a/' * 300}a}}"), "too long"),
        (files(f'{{path: "{ROOT}/a\\nb"}}'), "control characters"),
        (files(f'{{path: "{ROOT}/a\\0b"}}'), "control characters"),
        (files(f"{{path: '{ROOT}/a\\b'}}"), "backslashes"),
        (files(f"{{path: {ROOT}/a}}", f"{{path: {ROOT}/a}}"), "written twice"),
        (files(f"{{path: {ROOT}/a}}", f"{{path: {ROOT}/a/b}}"), "both a file and a folder"),
    ],
)
def test_what_is_refused_and_why(text, words):
    with pytest.raises(UserDataFault) as refused:
        parse_user_data(text)

    said = str(refused.value)
    assert words in said
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 300


@given(st.one_of(st.text(), st.text().map("#cloud-config\n{}".format), st.text().map(files)))
def test_any_text_is_understood_or_refused(text):
    try:
        site = parse_user_data(text)
    except UserDataFault:
        return
    assert all(isinstance(content, str) for content in site.values())


PATHS = st.lists(
    st.sampled_from(["a", "..", ".", "", "b.html", "\\", "a" * 300, "caf\u00e9", "~", "%2e%2e"]), max_size=4
)


@given(PATHS, st.sampled_from([ROOT, "", "/var", "/var/www/html/..", "//var/www/html"]))
def test_whatever_is_written_lies_below_the_site(tmp_path_factory, segments, start):
    path = "/".join([start, *segments])
    try:
        site = parse_user_data(files(f"{{path: {path!r}, content: x}}"))
    except UserDataFault:
        return
    folder = tmp_path_factory.mktemp("site")
    write_site(site, folder / "inner")

    assert [entry.name for entry in folder.iterdir()] == ["inner"]
    [written] = [entry for entry in (folder / "inner").rglob("*") if entry.is_file()]
    assert written.resolve().is_relative_to(folder / "inner")


def test_what_was_there_before_is_not_served(tmp_path):
    write_site({"old": "x"}, tmp_path / "site")
    write_site({"new": "line\r\nline\n"}, tmp_path / "site")

    assert [entry.name for entry in (tmp_path / "site").iterdir()] == ["new"]
    assert (tmp_path / "site" / "new").read_bytes() == b"line\r\nline\n"
