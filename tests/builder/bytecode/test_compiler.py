"""A source that breaks the compiler costs its own bytecode and no more; what was compiled before is not compiled again."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest

from dagy_builder.bytecode import compiler as compiler_module
from dagy_builder.bytecode import process as process_module
from dagy_builder.bytecode.compiler import Compiler, NoCompilerError, processes
from dagy_builder.bytecode.kept import Bytecode, KeptBytecode
from dagy_builder.bytecode.process import WORKER
from dagy_builder.kept.entries import KeptEntries

OWN = "{}.{}".format(*sys.version_info)
PYTHON = Path(sys.executable)
GOOD = [(f"a/{name}.py", f"{name} = 1\n".encode()) for name in "bcdef"]


def _breaking(tmp_path: Path, deed: str, *, confined: bool = True) -> Path:
    """An interpreter with a bug: over a source with the word "break" its compiler does something else."""
    script = WORKER.read_text().replace(
        "    first = code = compile(", f"    if b'break' in source:\n        {deed}\n    first = code = compile("
    )
    if not confined:
        script = script.replace("    _answer(confined, ", "    _answer(False, ")
    worker = tmp_path / "worker.py"
    worker.write_text(script)
    broken = tmp_path / "python"
    options = " ".join(process_module._OPTIONS)
    broken.write_text(f'#!/bin/sh\nexec {PYTHON} {options} {worker} "$7" "$8"\n')
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    return broken


def test_good_and_bad_sources() -> None:
    made = Compiler(PYTHON, OWN).compile([*GOOD, ("a/bad.py", b"def ("), ("a/null.py", b"\0")])
    assert all(one.data and not one.refusal for one in made[:5])
    assert [bool(one.data) for one in made[5:]] == [False, False]
    assert made[5].refusal.startswith("SyntaxError: ")
    assert made[6].refusal.endswith("source code string cannot contain null bytes")


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("posix._exit(0)", "the compiler crashed"),
        ("posix.abort()", "the compiler crashed"),
        ("while True: pass", "more than 5 s"),
        ("return b'x' * (2 << 20)", "more than 1048576 bytes of bytecode"),
        ("return bytes(600 << 20)", "MemoryError: "),
        ("posix.write(1, b'no answer'); posix._exit(0)", "more than 1048576 bytes of bytecode"),
    ],
)
def test_a_source_that_breaks_the_compiler_costs_its_own_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, told: str
) -> None:
    monkeypatch.setattr(process_module, "SOURCE_SECONDS", 5.0)
    sources = [*GOOD[:2], ("a/bad.py", b"# break\n"), *GOOD[2:]]
    made = Compiler(_breaking(tmp_path, deed), OWN).compile(sources)
    assert made[2] == Bytecode(refusal=told)
    assert [*made[:2], *made[3:]] == Compiler(PYTHON, OWN).compile(GOOD)


def test_after_many_that_break_it_nothing_more_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler_module, "_MOST_ENDED", 3)
    made = Compiler(_breaking(tmp_path, "posix._exit(1)"), OWN).compile(
        [*GOOD[:1], *((f"a/bad{number}.py", b"break") for number in range(5)), *GOOD[1:]]
    )
    assert made[0].data
    assert [one.refusal for one in made[1:4]] == ["the compiler crashed"] * 3
    assert {one.refusal for one in made[4:]} == {"not tried, because the compiler had failed on others before"}


def test_what_was_compiled_once_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptBytecode(KeptEntries(tmp_path / "kept"))
    sources = [*GOOD, ("a/bad.py", b"def (")]
    first = Compiler(PYTHON, OWN, kept).compile(sources)
    again = Compiler(PYTHON, OWN, kept)
    monkeypatch.setattr(compiler_module, "CompilerProcess", lambda _: pytest.fail("it is there"))
    assert again.compile(sources) == first


@pytest.mark.parametrize(
    "others", [GOOD[:4], GOOD[::-1], [("a/x.py", GOOD[0][1]), *GOOD[1:]], [(GOOD[0][0], b"b = 2\n"), *GOOD[1:]]]
)
def test_a_process_that_saw_anything_else_says_nothing_of_it(tmp_path: Path, others: list[tuple[str, bytes]]) -> None:
    """So whoever makes a compiler lie, with a source of their own, reaches nobody who does not have that source."""
    kept = KeptBytecode(KeptEntries(tmp_path / "kept"))
    Compiler(PYTHON, OWN, kept).compile(GOOD)
    (entry,) = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    lying = Compiler(_breaking(tmp_path, "return b'lies'"), OWN, kept)
    lying.compile([*GOOD, ("evil/x.py", b"break")])
    assert len([path for path in (tmp_path / "kept").rglob("*") if path.is_file()]) == 2
    assert Compiler(PYTHON, OWN, kept).compile(others) == Compiler(PYTHON, OWN).compile(others)
    assert entry.exists()


def test_what_a_process_left_unfinished_is_not_kept(tmp_path: Path) -> None:
    Compiler(_breaking(tmp_path, "posix._exit(1)"), OWN, KeptBytecode(KeptEntries(tmp_path / "kept"))).compile(
        [*GOOD, ("a/x.py", b"break")]
    )
    assert not (tmp_path / "kept").exists()


def test_a_process_that_could_write_to_it_decides_nothing(tmp_path: Path) -> None:
    compiler = Compiler(_breaking(tmp_path, "pass", confined=False), OWN, KeptBytecode(KeptEntries(tmp_path / "kept")))
    assert all(one.data for one in compiler.compile(GOOD))
    assert not (tmp_path / "kept").exists()


def test_an_interpreter_that_is_none_of_the_targets(tmp_path: Path) -> None:
    with pytest.raises(NoCompilerError, match=r"is cpython-3\d+$"):
        Compiler(PYTHON, "3.9")
    with pytest.raises(NoCompilerError, match="does not start"):
        Compiler(tmp_path / "missing", OWN)
    with pytest.raises(NoCompilerError, match=r"does not start \(the compiler crashed\)"):
        Compiler(Path(str(shutil.which("false"))), OWN)


@pytest.mark.parametrize(("memory", "most"), [("max", 8), ("2147483648", 2), ("134217728", 1), ("17179869184", 8)])
def test_processes_fit_into_half_of_the_containers_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str, most: int
) -> None:
    monkeypatch.setattr(compiler_module, "_MEMORY_LIMIT", tmp_path / "memory.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    (tmp_path / "memory.max").write_text(f"{memory}\n")
    assert processes() == most
    (tmp_path / "memory.max").unlink()
    assert processes() == 8
