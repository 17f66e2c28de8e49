"""Docker configs, and what registries ask for."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from dagy_builder.registry.auth import Challenge, Login, challenge_in, login_in, read_login, token_in


def config(**auths: object) -> bytes:
    return json.dumps({"auths": {name.replace("_", "."): entry for name, entry in auths.items()}}).encode()


@pytest.mark.parametrize("name", ["ghcr.io", "https://ghcr.io", "https://ghcr.io/", "https://ghcr.io/v2/"])
def test_a_login_is_found_by_every_name_that_tools_write(name: str) -> None:
    entry = {"auth": base64.b64encode(b"me:pass:word").decode()}
    assert login_in(json.dumps({"auths": {name: entry}}).encode(), "ghcr.io") == Login("me", "pass:word")


def test_names_and_passwords_apart(tmp_path: Path) -> None:
    text = config(ghcr_io={"username": "me", "password": "it"})
    assert login_in(text, "ghcr.io") == Login("me", "it")
    assert login_in(text, "ghcr.io:5000") is None
    assert login_in(b"{}", "ghcr.io") is None
    assert read_login(tmp_path / "none", "ghcr.io") is None
    assert "it" not in repr(Login("me", "it"))


@pytest.mark.parametrize("text", [b"[]", b"x", b'{"auths": 3}', config(ghcr_io={"auth": "%"}), b"[" * 100_000])
def test_what_is_no_docker_config(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        login_in(text, "ghcr.io")


def test_a_config_is_read_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b" " * (1 << 21))
    with pytest.raises(ValueError, match="larger than"):
        read_login(path, "ghcr.io")


@pytest.mark.parametrize(
    ("header", "plain", "expected"),
    [
        ('Basic realm="x"', False, Challenge()),
        (
            'Bearer realm="https://auth.example/token",service="reg",scope="repository:a:pull"',
            False,
            Challenge("https://auth.example/token", "reg"),
        ),
        ('Bearer realm="http://auth.example/token"', True, Challenge("http://auth.example/token")),
        # A password would go over the wire for all to read, or to no server at all.
        ('Bearer realm="http://auth.example/token"', False, None),
        ('Bearer realm="file:///etc/passwd"', True, None),
        ("Bearer", False, None),
        ("Negotiate", False, None),
        ("", False, None),
    ],
)
def test_challenges(header: str, plain: bool, expected: Challenge | None) -> None:
    assert challenge_in(header, plain_http=plain) == expected


def test_tokens() -> None:
    assert token_in(b'{"token": "abc"}') == token_in(b'{"access_token": "abc"}') == "abc"
    for body in (b"", b"[]", b'{"token": 3}', b'{"token": "a\\r\\nb: c"}', '{"token": "ü"}'.encode()):
        assert token_in(body) is None
