"""Files that people give in place of a requirements.txt: which kind it is, and how to make one that works. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_FREEZE = 'run "pip list --format=freeze > requirements.txt"'
_LOOKED_AT = 2_000
"""Lines at the beginning of a file that tell its kind."""


@dataclass(frozen=True)
class ForeignFile:
    """What a file is that is no list of requirements, and what to do; both are sentences."""

    message: str
    hint: str


_PIP_LIST = ForeignFile(
    "This is the table of `pip list`, not a list of requirements.",
    f"In the environment where it was made, {_FREEZE}.",
)
_CONDA_LIST = ForeignFile(
    "This is a list of conda's packages and builds, not of Python requirements.",
    f"In the conda environment, {_FREEZE}.",
)
_ENVIRONMENT = ForeignFile(
    "This is a conda environment.yml, whose packages come from conda's channels.",
    f"In the conda environment, {_FREEZE}; or give what stands below `pip:` in a requirements.txt.",
)

_PIP_LIST_HEAD = re.compile(r"Package +Version(?: .*)?")
_RULE = re.compile(r"-+(?: +-+)+ *")
_CONDA_COMMENT = re.compile(
    r"# (?:This file may be used to create an environment using:|packages in environment at .*)"
)
_CONDA_EXPORT = re.compile(r"[\w.-]+=[^=\s]+=[^=\s]+")
_YAML_KEY = re.compile(r"(?:name|channels|dependencies|prefix): *.*")
_YAML_ITEM = re.compile(r" *- .*")


def foreign_file(text: str) -> ForeignFile | None:
    """The kind of file, where it is a known one that is no list of requirements."""
    lines = [line.rstrip() for line in text.removeprefix("\ufeff").splitlines()[:_LOOKED_AT] if line.strip()]
    if any(_CONDA_COMMENT.fullmatch(line) for line in lines[:5]) or "@EXPLICIT" in lines[:5]:
        return _CONDA_LIST
    content = [line for line in lines if not line.startswith("#")]
    if not content:
        return None
    if all(_CONDA_EXPORT.fullmatch(line) for line in content):
        return _CONDA_LIST
    if any(_PIP_LIST_HEAD.fullmatch(one) and _RULE.fullmatch(two) for one, two in pairwise(content)):
        return _PIP_LIST
    keys = sum(1 for line in content if _YAML_KEY.fullmatch(line))
    return _ENVIRONMENT if "dependencies:" in content and keys + _items(content) > len(content) // 2 else None


def foreign_document(document: object) -> ForeignFile | None:
    """The same for what a YAML or JSON file holds."""
    is_environment = (
        isinstance(document, dict) and "kind" not in document and isinstance(document.get("dependencies"), list)
    )
    return _ENVIRONMENT if is_environment else None


def _items(lines: list[str]) -> int:
    return sum(1 for line in lines if _YAML_ITEM.fullmatch(line))
