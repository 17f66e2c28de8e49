"""The site of docs/ is built without a warning: every link leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.layout import REPO

_LOADED = re.compile(r"""(?:src|<link[^>]*href)=["']?(https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", REPO / "docs/site/mkdocs.yml"]
    done = subprocess.run([*argv, "--site-dir", folder], capture_output=True, text=True, check=False, timeout=300)
    assert not done.returncode, done.stderr
    return folder


def test_each_page_is_there(site: Path) -> None:
    pages = [page for page in (REPO / "docs").rglob("*.md") if "site" not in page.parts]
    assert pages
    missing = [page for page in pages if not (site / page.relative_to(REPO / "docs")).with_suffix(".html").exists()]
    assert not missing


def test_files_beside_the_pages_come_along(site: Path) -> None:
    assert (site / "repository/CONTRIBUTING.md.txt").read_text() == (REPO / "CONTRIBUTING.md").read_text()
    assert 'href="../repository/CONTRIBUTING.md.txt"' in (site / "start/code.html").read_text()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loading = [page.name for page in site.rglob("*.html") if _LOADED.search(page.read_text())]
    assert not loading
