"""Each sentence of the guide is done by a test in a browser that is there and runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (.+) \| `([^`|]+)` \|$", (ROOT / "docs/guide-coverage.md").read_text(), re.MULTILINE)
_LISTED = """
import sys
import pytest

class Listed:
    def pytest_collection_finish(self, session):
        for one in session.items:
            if one.get_closest_marker("browser") and not one.get_closest_marker("skip") and not one.get_closest_marker("skipif"):
                print("runs:", one.nodeid.partition("[")[0])

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]], [Listed()]))
"""


@pytest.fixture(scope="module")
def browser_tests() -> set[str]:
    """Those that pytest finds in the files of the table, marked `browser` and not skipped."""
    files = sorted({test.partition("::")[0] for _, test in ROWS})
    argv = [sys.executable, "-c", _LISTED, *files]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(re.findall(r"^runs: (\S+)$", done.stdout, re.MULTILINE))


def test_every_row_is_read() -> None:
    lines = [line for line in (ROOT / "docs/guide-coverage.md").read_text().splitlines() if "`tests/" in line]
    assert len(lines) == len(ROWS) > 50


@pytest.mark.parametrize(("sentence", "test"), ROWS, ids=[sentence[:60] for sentence, _ in ROWS])
def test_a_sentence_has_a_test_in_a_browser(browser_tests: set[str], sentence: str, test: str) -> None:
    assert test in browser_tests, f'"{sentence}" is done by no test'
