"""What can't import the one list of Pythons repeats it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from dagy_builder.platforms import PYTHON_VERSIONS, STANDARD_LIBRARY

IMAGE = Path(__file__).parents[2] / "builder-image"


def test_the_image_has_each_python() -> None:
    assert runpy.run_path(str(IMAGE / "interpreters.py"))["MINORS"] == PYTHON_VERSIONS
    assert tuple(re.findall(r"COPY --from=interpreters /(\S+) /opt/python/\1", (IMAGE / "Dockerfile").read_text())) == (
        PYTHON_VERSIONS
    )


def test_the_standard_library_of_each_python_is_known() -> None:
    assert tuple(STANDARD_LIBRARY) == PYTHON_VERSIONS
