"""The compiler's answers in entries that builds share."""

from __future__ import annotations

from pathlib import Path

from dagy_builder.bytecode.kept import Bytecode, KeptBytecode, key_of
from dagy_builder.kept.entries import KeptEntries

KEY, OTHER = key_of("one", [("a.py", b"1")]), key_of("one", [("a.py", b"2")])
MADE = [Bytecode(b"bytes" * 100), Bytecode(refusal="SyntaxError: é"), Bytecode(b"\0")]


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    kept = KeptBytecode(KeptEntries(tmp_path))
    assert kept.find(KEY) is None
    kept.keep(KEY, MADE)
    assert kept.find(KEY) == MADE
    assert kept.find(OTHER) is None


def test_texts_that_run_together_are_not_one_name() -> None:
    names = [
        key_of(*given)
        for given in [
            ("a", []),
            ("a", [("b", b"c")]),
            ("ab", [("", b"c")]),
            ("a", [("bc", b"")]),
            ("a", [("b", b""), ("c", b"")]),
        ]
    ]
    assert len(set(names)) == len(names)
