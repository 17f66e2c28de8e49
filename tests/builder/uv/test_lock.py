from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import lock_of_result
from dagy_builder.target import Target
from dagy_builder.uv.lock import LockError, canonical_lock, read_lock
from tests.fakes.index import Authority, Index, Release, serve

TARGET = Target("3.12", "amd64", "2.28")
DIGEST = "0" * 64


def _uv_lock(*files: str, key: str = "wheels", host: str = "https://h.example/") -> str:
    entries = ", ".join(f'{{ url = "{host}{file}", hashes = {{ sha256 = "{DIGEST}" }} }}' for file in files)
    value = f"[{entries}]" if key == "wheels" else entries
    return f'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "a"\nversion = "1"\n{key} = {value}\n'


@pytest.mark.parametrize(
    ("files", "best"),
    [
        (["a-1-py3-none-any.whl", "a-1-cp312-cp312-manylinux_2_17_x86_64.whl"], "cp312-cp312-manylinux_2_17"),
        (["a-1-cp37-abi3-manylinux_2_5_x86_64.whl", "a-1-py3-none-any.whl"], "abi3"),
        (
            ["a-1-cp312-cp312-manylinux_2_17_x86_64.whl", "a-1-cp312-cp312-manylinux_2_28_x86_64.whl"],
            "manylinux_2_28",
        ),
        (["a-1-1-py3-none-any.whl", "a-1-2-py3-none-any.whl"], "a-1-2-py3"),
    ],
)
def test_one_wheel_stays_and_the_order_does_not_matter(files: list[str], best: str) -> None:
    locks = [canonical_lock(_uv_lock(*order), TARGET) for order in (files, files[::-1])]
    assert locks[0] == locks[1]
    (package,) = locks[0].packages
    assert best in package.file
    assert package.is_wheel
    assert locks[0].text.count("url = ") == 1


@pytest.mark.parametrize(
    "text",
    [
        _uv_lock("a-1-cp312-cp312-win_amd64.whl"),
        _uv_lock("a-1-cp312-cp312-manylinux_2_39_x86_64.whl"),
        _uv_lock("a-1-py3-none-any.whl", host="file:///etc/"),
        "not toml [",
        'lock-version = "9.0"\ncreated-by = "x"\npackages = []',
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\ndirectory = { path = "/etc" }\n',
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\nvcs = { type = "git", url = "https://h/a", commit-id = "1" }',
        _uv_lock("a-1-py3-none-any.whl").replace("sha256", "md5"),
    ],
)
def test_locks_that_are_refused(text: str) -> None:
    with pytest.raises(LockError):
        canonical_lock(text, TARGET)


def test_credentials_do_not_get_into_a_lock() -> None:
    lock = canonical_lock(_uv_lock("a-1-py3-none-any.whl", host="https://user:secret@h.example/"), TARGET)
    assert "secret" not in lock.text
    assert "https://h.example/a-1-py3-none-any.whl" in lock.text


def test_a_lock_is_for_one_target() -> None:
    lock = canonical_lock(_uv_lock("a-1-py3-none-any.whl"), TARGET)
    assert read_lock(lock.text, TARGET) == lock
    with pytest.raises(LockError, match="cp312"):
        read_lock(lock.text, Target("3.11", "amd64", "2.28"))


def _lock(index: Index, *requirements: str, **settings: str) -> str:
    request = BuildRequest("3.12", index_url=index.url, requirements=list(requirements), **settings)  # type: ignore[arg-type]
    outcome = pipeline.resolve(request, lambda _: None)
    assert outcome.result
    assert outcome.ok, outcome.message
    return lock_of_result(outcome.result)


def test_the_same_requirements_give_the_same_bytes(index: Index) -> None:
    assert _lock(index, "pre", "beta", "alpha") == _lock(index, "alpha", "beta", "pre")


def test_source_distributions_only_where_allowed() -> None:
    pyproject = b'[build-system]\nrequires = []\nbuild-backend = "none"\n'
    release = Release("src", "1.0", sdist=True, files={"src-1.0/pyproject.toml": pyproject})
    with serve(release) as index:
        refused = pipeline.resolve(BuildRequest("3.12", index_url=index.url, requirements=["src"]), lambda _: None)
        assert refused.reason == Reason.NO_WHEEL


def test_a_direct_reference_is_locked_with_its_hash(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with serve(Release("beta", "2.0"), tls=authority.server) as index:
        url = index.url.replace("simple/", "files/beta-2.0-py3-none-any.whl")
        (package,) = tomllib.loads(_lock(index, f"beta @ {url}"))["packages"]
    assert package["archive"]["url"] == url
    assert len(package["archive"]["hashes"]["sha256"]) == 64


def test_markers_are_evaluated_for_the_target(index: Index) -> None:
    text = _lock(index, 'beta; python_version < "3.12"', 'alpha; sys_platform == "linux"')
    assert [package["name"] for package in tomllib.loads(text)["packages"]] == ["alpha", "beta"]
    assert [p["version"] for p in tomllib.loads(text)["packages"]] == ["1.1", "1.0"]


def test_the_lock_names_the_index_of_each_file(index: Index) -> None:
    with serve(Release("other", "1.0", ["beta<2"])) as second:
        request = BuildRequest("3.12", index_url=index.url, extra_index_urls=[second.url], requirements=["other"])
        outcome = pipeline.resolve(request, lambda _: None)
        assert outcome.result, outcome.message
        packages = tomllib.loads(lock_of_result(outcome.result))["packages"]
    assert {package["name"]: package["index"] for package in packages} == {"beta": index.url, "other": second.url}


def test_the_first_index_that_knows_a_name_wins(index: Index) -> None:
    """Otherwise whoever publishes a higher version elsewhere takes a private name over."""
    with serve(Release("beta", "99.0")) as second:
        for first, other, version in ((index, second, "99.0"), (second, index, "2.0")):
            request = BuildRequest("3.12", index_url=first.url, extra_index_urls=[other.url], requirements=["beta"])
            result = pipeline.resolve(request, lambda _: None).result
            assert result
            assert result["packages"] == [{"name": "beta", "version": version}], "extra indexes come before the default"


def test_nothing_is_downloaded_twice(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    request = BuildRequest("3.12", index_url=index.url)
    lock = _lock(index, "alpha")
    assert pipeline.install(request, lock, tmp_path / "one", lambda _: None).ok
    index.requests.clear()
    assert pipeline.install(request, lock, tmp_path / "two", lambda _: None).ok
    assert index.requests == []
