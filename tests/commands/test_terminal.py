"""What others wrote is printed, and never obeyed by the terminal."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from dagy.commands import output, terminal

COMMANDS = Path(output.__file__).parent
CLIPBOARD, BACK, REVERSED = "\x1b]52;c;cm0=\x07", "\x1b[1A\x1b[2K", "\u202eevil"
HOSTILE = f"a{CLIPBOARD}b{BACK}c\x9bd\x7f{REVERSED}\r"


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    text = out + err
    assert not set(text) & set("\x1b\x07\x9b\x7f\r\u202e"), repr(text)
    return text


def test_no_way_to_the_screen_lets_a_command_through(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(HOSTILE)
    terminal.note(HOSTILE)
    output.fields([("Name", HOSTILE)])
    output.table(["NAME", "TEXT"], [[HOSTILE, HOSTILE]])
    terminal.lines([HOSTILE])
    assert shown(capsys).count("evil") == 6


def test_json_says_the_same_in_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.json_text({"name": HOSTILE})
    assert json.loads(shown(capsys)) == {"name": HOSTILE}


def test_colours_of_a_log_stay_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.lines(["\x1b[31mred", "\x1b[31mred\x1b[0m", "plain\tété"])
    assert capsys.readouterr().out == "\x1b[31mred\x1b[0m\n\x1b[31mred\x1b[0m\nplain\tété\n"


@pytest.mark.parametrize("path", sorted(COMMANDS.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_else_prints(path: Path) -> None:
    if path.name == "terminal.py":
        return
    called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [one.lineno for one in called if isinstance(one, ast.Name) and one.id == "print"]
    # A table's lines are clean, and carry our own colours.
    assert len(prints) == (1 if path.name == "output.py" else 0), prints
