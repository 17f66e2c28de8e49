"""References, retries, slices, states, artifacts, tokens: what needs no API."""

from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.client.files.artifacts import read_artifact, runnable_modules
from dagy.client.files.parts import slices
from dagy.client.files.upload_state import UploadState, UploadStates
from dagy.client.files.verified import VerifiedFile
from dagy.client.http import retry
from dagy.client.http.errors import ArtifactError, InvalidError, SetupError, api_error
from dagy.client.http.kubeconfig import context_namespace, kubeconfig_token
from dagy.client.http.tokens import FreshToken, token_source
from dagy.client.http.transport import setup
from dagy.client.references import BadReferenceError, object_key, package_reference
from dagy.model.base import NamespacedName

NOWHERE = Path("/nonexistent/token")


@pytest.mark.parametrize(
    ("text", "slug", "key"),
    [
        ("A1B2C3D4", "A1B2C3D4", None),
        ("ml-pipeline", None, NamespacedName("team-a", "ml-pipeline")),
        ("team-b/ml.v2", None, NamespacedName("team-b", "ml.v2")),
        ("a1b2c3d4", None, NamespacedName("team-a", "a1b2c3d4")),
        ("12345678", "12345678", NamespacedName("team-a", "12345678")),
    ],
)
def test_references(text: str, slug: str | None, key: NamespacedName | None) -> None:
    found = package_reference(text, "team-a")
    assert (found.slug, found.key) == (slug, key)


@pytest.mark.parametrize("text", ["", "/", "a/", "/a", "a/b/c", "A1B2C3D", "ML", "../x", "a b", "x" * 254, "x\n"])
def test_what_names_nothing(text: str) -> None:
    with pytest.raises(BadReferenceError, match="neither"):
        package_reference(text, "default")
    with pytest.raises(BadReferenceError, match="neither a name"):
        object_key(text, "default")


@given(st.integers(1, 10**7), st.integers(1, 10**6))
def test_slices_are_the_file(size: int, part_size: int) -> None:
    part_size = max(part_size, size // 1000 + 1)
    cut = slices(size, part_size)
    assert [part.number for part in cut] == list(range(1, len(cut) + 1))
    assert sum(part.size for part in cut) == size
    assert all(part.offset == (part.number - 1) * part_size for part in cut)
    assert all(part.size == part_size for part in cut[:-1])
    assert 0 < cut[-1].size <= part_size


@pytest.mark.parametrize(
    ("status", "repeatable", "problem", "again"),
    [
        (503, False, True, True),
        (429, False, True, True),
        (502, True, False, True),
        (502, False, False, False),
        (504, True, False, True),
        (500, True, False, True),
        (500, True, True, False),
        (404, True, True, False),
        (409, True, True, False),
        (401, True, True, False),
    ],
)
def test_what_is_sent_again(status: int, repeatable: bool, problem: bool, again: bool) -> None:
    delay = retry.after_answer(1, status, {}, repeatable=repeatable, problem=problem)
    assert (delay is not None) == again
    assert retry.after_answer(retry.ATTEMPTS, status, {}, repeatable=repeatable, problem=problem) is None


@given(st.integers(1, retry.ATTEMPTS - 1), st.text(max_size=12))
def test_retry_after_is_honoured_within_bounds(attempt: int, header: str) -> None:
    delay = retry.after_answer(attempt, 503, {"retry-after": header}, repeatable=True, problem=True)
    assert delay is not None
    assert 0 < delay <= 60
    if header.isascii() and header.isdigit():
        assert delay >= min(int(header), 60)


def test_a_request_that_may_have_arrived_is_not_repeated_when_that_does_harm() -> None:
    assert retry.after_failure(1, repeatable=False, sent=True) is None
    assert retry.after_failure(1, repeatable=False, sent=False) is not None
    assert retry.after_failure(1, repeatable=True, sent=True) is not None
    assert retry.after_failure(retry.ATTEMPTS, repeatable=True, sent=True) is None
    assert retry.after_failure(retry.ATTEMPTS, repeatable=False, sent=False) is not None, "a replica may be starting"
    assert retry.after_failure(retry.CONNECTION_ATTEMPTS, repeatable=True, sent=False) is None


@pytest.mark.parametrize(
    ("names", "modules"),
    [
        (["daily_etl.py", "README.md"], {"daily_etl"}),
        (["daily_etl/__init__.py", "daily_etl/__main__.py", "lib/__init__.py"], {"daily_etl"}),
        (["a.py", "b.py", "__init__.py", "not-a-module.py"], {"a", "b"}),
        ([], set()),
    ],
)
def test_what_an_artifact_can_start(names: list[str], modules: set[str]) -> None:
    assert runnable_modules(names) == modules


def test_an_artifact_is_read_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "artifact.zip"
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        read_artifact(path)
    path.write_text("print()")
    with pytest.raises(ArtifactError, match=r"is not a ZIP. Make one .* `zip artifact.zip daily_etl.py`"):
        read_artifact(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flow.py", "")
    found = read_artifact(str(path))
    assert found.size_bytes == path.stat().st_size
    assert len(found.sha256) == 64
    assert found.modules == {"flow"}


def test_upload_states_are_kept_found_and_forgotten(tmp_path: Path) -> None:
    states, state = UploadStates(tmp_path / "cache"), UploadState("id", "key", 5 << 20, ((1, "e1"), (2, "e2")))
    assert states.find("a", "b") is None
    states.keep(state, "a", "b")
    assert states.find("a", "b") == state
    assert states.find("ab", "") is None
    states.forget("a", "b")
    assert states.find("a", "b") is None
    states.forget("a", "b")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"upload_id": "x"}', '{"parts": 3}', "\udcff"])
def test_a_damaged_upload_state_is_none(tmp_path: Path, content: str) -> None:
    states = UploadStates(tmp_path)
    states.keep(UploadState("id", "key", 1), "a")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert states.find("a") is None


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    states = UploadStates(tmp_path / "file")
    states.keep(UploadState("id", "key", 1), "a")
    assert states.find("a") is None
    states.forget("a")


def test_a_download_is_whole_and_verified_or_not_there(tmp_path: Path) -> None:
    target, seen = tmp_path / "deps.zip", []
    sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    with VerifiedFile(target, sha256, 5, lambda done, total: seen.append((done, total))) as file:
        file.write(b"hel")
        file.write(b"lo")
        assert not target.exists()
    assert target.read_bytes() == b"hello"
    assert seen == [(3, 5), (5, 5)]
    with pytest.raises(ArtifactError, match="damaged or replaced"), VerifiedFile(target, "0" * 64, 5, None) as file:
        file.write(b"other")
    with pytest.raises(KeyError), VerifiedFile(target, sha256, 5, None) as file:
        raise KeyError
    assert target.read_bytes() == b"hello"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ArtifactError, match="cannot be written"), VerifiedFile(tmp_path / "no" / "x", "", 0, None):
        pass


def kubeconfig(folder: Path, user: dict[str, object]) -> dict[str, str]:
    path = folder / "config"
    context = {"user": "me", "cluster": "here", "namespace": "team-a"}
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": context}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(json.dumps(document))
    return {"KUBECONFIG": str(path)}


def test_the_kubeconfigs_token(tmp_path: Path) -> None:
    environ = kubeconfig(tmp_path, {"token": "abc"})
    assert kubeconfig_token(environ) == "abc"
    assert context_namespace(environ) == "team-a"
    (tmp_path / "token").write_text("def\n")
    assert kubeconfig_token(kubeconfig(tmp_path, {"tokenFile": str(tmp_path / "token")})) == "def"
    elsewhere = kubeconfig(tmp_path, {"tokenFile": "token"})
    assert kubeconfig_token(elsewhere) == "def", "relative to the kubeconfig, wherever the command runs"
    with pytest.raises(SetupError, match="without a token"):
        kubeconfig_token(kubeconfig(tmp_path, {"client-certificate-data": "x"}))
    missing = {"KUBECONFIG": str(tmp_path / "none")}
    assert context_namespace(missing) is None
    with pytest.raises(SetupError, match=r"no kubeconfig. Put a token into DAGY_API_TOKEN"):
        kubeconfig_token(missing)


def test_a_credential_plugin_is_run(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(credential)}\nE\n")
    plugin.chmod(0o755)
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    environ = kubeconfig(tmp_path, {"exec": spec})
    document = json.loads((tmp_path / "config").read_text())
    document["clusters"] = [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}]
    (tmp_path / "config").write_text(json.dumps(document))
    assert kubeconfig_token(environ) == "from-plugin"


def test_where_the_token_comes_from(tmp_path: Path) -> None:
    pod = tmp_path / "token"
    pod.write_text("pod\n")
    environ = {"DAGY_API_TOKEN": "variable", **kubeconfig(tmp_path, {"token": "config"})}
    assert token_source("given", environ, pod)() == "given"
    assert token_source(None, environ, pod)() == "variable"
    del environ["DAGY_API_TOKEN"]
    assert token_source(None, environ, pod)() == "pod"
    assert token_source(None, environ, NOWHERE)() == "config"


def test_a_token_is_asked_for_again() -> None:
    now, made = [0.0], iter("abc")
    token = FreshToken(lambda: next(made), lambda: now[0])
    assert [token(), token()] == ["a", "a"]
    now[0] = 61.0
    assert token() == "b"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (None, "No URL of the API"),
        ("api.example.com", "must look like https://"),
        ("ftp://x", "must look like"),
        ("https://user:secret@api.example.com", "without a user or a password"),
        ("http://api.example.com", "is not encrypted"),
    ],
)
def test_urls_that_are_refused(url: str | None, says: str) -> None:
    with pytest.raises(SetupError, match=says) as refused:
        setup(url, "t", None, 1, {})
    assert "secret" not in str(refused.value)


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nonsense")
    for name in ("ca.crt", "none.crt"):
        with pytest.raises(SetupError, match=r"certificates in .* cannot be used"):
            setup("https://x", "t", tmp_path / name, 1, {})


def test_signed_urls_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    setup("https://x", "t", None, 1, {})
    with caplog.at_level(logging.INFO, logger="httpx"):
        logging.getLogger("httpx").info(
            'HTTP Request: %s %s "%s"', "PUT", "https://s3/b/k?X-Amz-Signature=abc&x=1", "200"
        )
        logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", "https://api/deployments?namespace=a")
    assert "abc" not in caplog.text
    assert "https://s3/b/k?..." in caplog.text
    assert "namespace=a" in caplog.text


def test_problems_become_exceptions() -> None:
    problem = {
        "title": "T",
        "status": 422,
        "detail": "Do this.",
        "code": "InvalidRequest",
        "errors": [{"message": "m"}],
        "new": 1,
    }
    error = api_error(422, json.dumps(problem).encode(), "https://x")
    assert isinstance(error, InvalidError)
    assert (str(error), error.code, error.errors) == ("Do this.", "InvalidRequest", ({"message": "m"},))
    assert "probably a proxy" in str(api_error(502, b"<html>", "https://x"))
