"""What the README's table "Use it" tells people to do, read from the table itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
SLUG, PACKAGE = "GGN0B4B2", "ml-pipeline"
"""What stands in the table for a package that somebody has."""
_PROGRAMS = ("kubectl ", "dagy ")
_WORDS = {"Ready"}
"""Code in the table that is a name in a sentence."""
_APPLY = "apply the new one"
_SAME = re.compile(r"^the same with `(dagy\.io/[a-z]+)`$")


@dataclass(frozen=True)
class Row:
    """One row: what one wants, and what is to be done for it."""

    to: str
    commands: tuple[str, ...] = ()
    annotation: str = ""
    """What a pod gets, `name: value`."""
    program: str = ""
    """Python."""
    applies: bool = False
    """Whether a changed manifest is applied."""


def rows() -> list[Row]:
    """All rows, in their order. Raises ValueError for one that says something that nobody could try out."""
    text = README.read_text()
    (table,) = re.findall(r"^\| To \| do \|\n\|---\|---\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    found: list[Row] = []
    for line in table.splitlines():
        to, do = (cell.strip() for cell in line.strip("|").split("|"))
        found.append(_row(to, do, found))
    return found


def _row(to: str, do: str, before: list[Row]) -> Row:
    same = _SAME.match(do)
    if same:
        (command,) = next(row.commands for row in reversed(before) if row.commands and "dagy.io/" in row.commands[0])
        return Row(to, (re.sub(r"dagy\.io/[a-z]+(?==)", same[1], command),))
    spans = [span for span in re.findall(r"`([^`]+)`", do) if span not in _WORDS]
    commands = tuple(span for span in spans if f"{span} ".startswith(_PROGRAMS))
    annotations = [span for span in spans if re.match(r"dagy\.io/[a-z-]+: ", span)]
    programs = [span for span in spans if span.startswith(("from ", "import "))]
    if len(commands) + len(annotations) + len(programs) != len(spans) or not (spans or do.startswith(_APPLY)):
        raise ValueError(f'Row "{to}" of the README can\'t be tried out: {do}')
    return Row(to, commands, "".join(annotations), "\n".join(programs), do.startswith(_APPLY))
