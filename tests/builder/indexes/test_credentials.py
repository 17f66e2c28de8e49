"""Where credentials may go, how they are read, and that they are recognized wherever they turn up."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.indexes.credentials import Credential, best_for, credential_of, read_credentials
from dagy_builder.redact import without_values
from dagy_builder.url import IndexUrl

PASSWORD = "p4ss/w@rd:+ 1"


def credential(url: str, source: str = "Secret s") -> Credential:
    return Credential(source, IndexUrl(url), "ci", PASSWORD)


@pytest.mark.parametrize(
    ("prefix", "url", "covered"),
    [
        ("https://h.example/team", "https://h.example/team", True),
        ("https://h.example/team", "https://h.example/team/simple/six/", True),
        ("https://h.example/team/", "https://h.example/team/simple/six/", True),
        ("https://h.example/team/", "https://H.Example:443/team/x", True),
        ("https://h.example", "https://h.example/anything?x=1", True),
        ("https://h.example/team", "https://h.example/team2/simple/", False),
        ("https://h.example/team", "https://h.example/", False),
        ("https://h.example/team", "http://h.example/team/", False),
        ("https://h.example/team", "https://h.example:8443/team/", False),
        ("https://h.example/team", "https://h.example.evil.example/team/", False),
        ("https://h.example/team", "https://evil.example/?https://h.example/team", False),
        ("https://h.example/team", "https://h.example/team/x;y/z", False),
        ("https://h.example/team", "https://h.example/team/a%2Fb", False),
        ("https://h.example/team", "https://h.example/?a=/team/", False),
    ],
)
def test_where_credentials_may_be_sent(prefix: str, url: str, covered: bool) -> None:
    assert credential(prefix).covers(IndexUrl(url)) is covered


def test_the_longest_prefix_wins_and_then_the_first() -> None:
    wide, narrow, twin = (credential(f"https://h.example/{p}", p or "wide") for p in ("", "team", "team/"))
    assert best_for(IndexUrl("https://h.example/team/simple/"), [wide, narrow, twin]) is narrow
    assert best_for(IndexUrl("https://h.example/other/"), [wide, narrow]) is wide
    assert best_for(IndexUrl("https://other.example/"), [wide, narrow]) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"username": "u", "password": "p"}, "needs the key url"),
        ({"url": "ftp://h/", "token": "t"}, "no http(s) URL"),
        ({"url": "https://", "token": "t"}, "no http(s) URL"),
        ({"url": "https://h:99999/", "token": "t"}, "no http(s) URL"),
        ({"url": "https://h/a b", "token": "t"}, "no http(s) URL"),
        ({"url": "https://u:p@h/", "token": "t"}, "a user name or a password"),
        ({"url": "https://h/?a", "token": "t"}, "more than scheme, host and a plain path"),
        ({"url": "https://h/a/../b", "token": "t"}, "as a folder"),
        ({"url": "https://h/a;b", "token": "t"}, "more than scheme, host and a plain path"),
        ({"url": "https://h/"}, "username and password, or the key token"),
        ({"url": "https://h/", "username": "u"}, "username and password, or the key token"),
        ({"url": "https://h/", "token": "t", "password": "p"}, "keep one of the two"),
        ({"url": "https://h/", "username": "a:b", "password": "p"}, "a colon"),
        ({"url": "https://h/", "username": "u", "password": "a\nb"}, "line breaks"),
    ],
)
def test_secrets_that_cannot_be_used(fields: Mapping[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        credential_of("Secret s", fields)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_token_goes_as_the_password_of_token() -> None:
    header = credential_of("Secret s", {"url": "https://h/", "token": "abc\n"}).authorization
    assert base64.b64decode(header.removeprefix("Basic ")) == b"__token__:abc"


def test_nobody_prints_a_password_by_accident() -> None:
    assert PASSWORD not in repr(credential("https://h/"))


@given(st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=6))
def test_secret_values_are_masked_in_all_their_spellings(password: str) -> None:
    one = Credential("s", IndexUrl("https://h/"), "ci", password)
    header = one.authorization.removeprefix("Basic ")
    for spelled in (password, quote(password, safe=""), base64.b64encode(password.encode()).decode(), header):
        assert without_values(f"<{spelled}>", one.secret_values) == "<****>"


def test_secrets_are_read_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    for name, fields in {
        "10_team": {"url": "https://h/team\n", "username": "u", "password": "p"},
        "90_mirror": {"url": "https://mirror/", "token": "t"},
        "91_wrong": {"url": "https://h/"},
        "92_absent": {},
        "..data": {"url": "https://h/", "token": "t"},
    }.items():
        (tmp_path / name).mkdir()
        for key, value in fields.items():
            (tmp_path / name / key).write_text(value)
    found, problems = read_credentials(tmp_path)
    assert [(one.source, str(one.place)) for one in found] == [
        ("Secret team", "https://h/team"),
        ("Secret mirror", "https://mirror/"),
    ]
    assert problems == ["Secret wrong needs the keys username and password, or the key token"]
    assert read_credentials(tmp_path / "nothing") == ([], [])
