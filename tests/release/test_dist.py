"""A release is of a commit, and the same bytes each time: what of it can be compared without building images."""

from __future__ import annotations

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cluster.layout import REPO, ClusterError
from tests.cluster.shell import run
from tests.release import archives, commit, dist
from tests.release.commit import Commit, exported

DIGESTS = {name: f"sha256:{letter * 64}" for name, letter in zip(dist.IMAGES, "ab", strict=True)}


def laid_out(folder: Path) -> Commit:
    """The present commit in a folder, whatever lies in the working tree."""
    folder.mkdir()
    run(["git", "-C", REPO, "archive", f"--output={folder}.tar", "HEAD"])
    run(["tar", "-xf", f"{folder}.tar", "-C", folder])
    return Commit("0" * 40, 1_700_000_000, folder, "0.1.0")


def test_wheel_and_sdist_are_the_same_wherever_and_whenever_they_are_built(tmp_path: Path) -> None:
    made = []
    for name in ("here", "there"):
        found, target = laid_out(tmp_path / name), tmp_path / f"dist-{name}"
        os.utime(found.folder / "README.md", (1, 1))
        target.mkdir()
        dist.python_distributions(found, target)
        made.append(archives.checksums(target.iterdir()))
    assert made[0] == made[1]
    wheel, sdist = tmp_path / "dist-here/dagy-0.1.0-py3-none-any.whl", tmp_path / "dist-here/dagy-0.1.0.tar.gz"
    with zipfile.ZipFile(wheel) as archive:
        assert {"dagy/cli.py", "dagy_builder/contract.py"} <= set(archive.namelist())
        assert not [name for name in archive.namelist() if name.startswith("tests/")]
        assert any(name.startswith("dagy/web/console/static/") for name in archive.namelist()), "the console's bundle"
    with tarfile.open(sdist) as archive:
        folders = {name.split("/")[1] for name in archive.getnames()}
        assert folders == {"operator", "builder-image", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}


def test_the_chart_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        dist.write_chart(tmp_path / name, Commit("0" * 40, 1_700_000_000, REPO, "0.1.0"), DIGESTS)
    assert (tmp_path / "one/dagy-0.1.0.tgz").read_bytes() == (tmp_path / "another/dagy-0.1.0.tgz").read_bytes()


def repository(folder: Path) -> Path:
    """A repository with one commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    (folder / "pyproject.toml").write_text('[project]\nname = "dagy"\nversion = "1.2.3"\n')
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=a", "--date=@5"]):
        subprocess.run([*git, *arguments], check=True, env={**os.environ, "GIT_COMMITTER_DATE": "@1700000000 +0000"})
    return folder


def test_only_what_is_committed_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    monkeypatch.setattr(commit, "REPO", repository(source))
    (source / "notes.txt").write_text("not in it")
    with exported(tmp_path / "export") as found:
        assert (found.version, found.epoch) == ("1.2.3", 1_700_000_000)
        assert [path.name for path in found.folder.iterdir()] == ["pyproject.toml"]
    assert not found.folder.exists()
    (source / "pyproject.toml").write_text("")
    with pytest.raises(ClusterError, match="differ from it"), exported(tmp_path / "export"):
        pass
