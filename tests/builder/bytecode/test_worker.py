"""The same bytes of the same source, whoever compiles it: orders, hashes, neighbours, and what a process holds already."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from dagy_builder.bytecode.process import WORKER
from tests.fakes.interpreters import interpreters

PYTHONS = interpreters()
# Names that others use, names that nobody uses; equal constants in several functions; sets; characters that are
# identifiers elsewhere.
TRICKY = '''
"""A docstring."""
from __future__ import annotations
import os
async def f(a, b=1, /, *c, self=None, **zzz_only_here):
    """A docstring."""
    if a in {"abc", "def", "ghi", 1.5, ("x", "y, z"), b"q", 3, True}:
        return "two words", ",", "µ", "é", -0.0, 0.0, 1j, 10**20, (1, 2, (3, "two words"))
    x = {"one two", "three", "four", "five six"}
    try:
        return [lambda: (a, "two words", zzz_only_here) for i in range(10)]
    finally:
        g = lambda: 0
class K:
    __slots__ = ("self", "other")
    def self(self, posix, é_not_alone):
        nonlocal_, (one, *others) = self.zzz_unique + zzz_unique, posix
        return {**others, "a": one} | {"abc", "def", "ghi"}
'''
IDENTIFIERS = "é = 1\nµ = 2\nabc = def_ = zzz_unique = zzz_only_here = 3\n"
HASHED_BY_ADDRESS = "x in {None, 'a', ...}\n"
RUN = """
import hashlib, json, runpy, sys
worker = runpy.run_path(sys.argv[1], run_name="worker")
given = json.load(sys.stdin)
if given["busy"]:
    import ast, json, re, tokenize, unittest.mock
    held = [compile(source, "held", "exec") for _, source in given["sources"]]
    held += [sys.intern(name) for name in ("zzz_unique", "zzz_only_here", "K", "f", "other")]
print(json.dumps({path: hashlib.sha256(worker["_compiled"](source.encode(), path)).hexdigest() for path, source in given["sources"]}))
"""


def _compiled(python: Path, sources: list[tuple[str, str]], *, seed: int = 0, busy: bool = False) -> dict[str, str]:
    done = subprocess.run(
        [python, "-B", "-W", "ignore", "-c", RUN, WORKER],
        input=json.dumps({"sources": sources, "busy": busy}),
        env={"PYTHONHASHSEED": str(seed)},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _sources(python: Path) -> list[tuple[str, str]]:
    """The tricky ones, and some of the interpreter's own library."""
    library = python.resolve().parents[1] / "lib" / python.resolve().name
    if not (library / "os.py").exists():  # a virtual environment's
        asked = subprocess.run(
            [python, "-c", "import os; print(os.__file__)"], check=True, capture_output=True, text=True
        )
        library = Path(asked.stdout.strip()).parent
    own = [(path.name, path.read_text("utf-8")) for path in sorted(library.glob("[a-d]*.py"))]
    return [("tricky.py", TRICKY), ("names.py", IDENTIFIERS), *own]


@pytest.mark.parametrize("version", PYTHONS)
def test_the_same_bytes_whatever_else_is_there(version: str) -> None:
    python = PYTHONS[version]
    sources = _sources(python)
    assert len(sources) > 10
    if version == "3.10":  # its marshal does not sort sets, so those whose order is the machine's are refused
        sources = [one for one in sources if one[0] not in ("bdb.py", "dis.py")]
    usual = _compiled(python, sources)
    assert _compiled(python, sources[::-1]) == usual, "another order"
    assert _compiled(python, sources, busy=True) == usual, "a process that owns the same names and constants"
    for one in sources[:2]:
        assert _compiled(python, [one], busy=True) == {one[0]: usual[one[0]]}, "alone"
    if version != "3.10":  # there the process fixes the seed
        assert _compiled(python, sources, seed=4711) == usual, "hashes in another order"


@pytest.mark.parametrize("version", PYTHONS)
def test_it_is_what_python_itself_compiles(version: str, tmp_path: Path) -> None:
    """It runs, says where its source is, and is taken without a look at the source."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("VALUE = 1\ndef fail():\n    return 1 / 0\n")
    script = (
        "import runpy, sys\nworker = runpy.run_path(sys.argv[1], run_name='worker')\n"
        "sys.stdout.buffer.write(worker['_compiled'](open(sys.argv[2], 'rb').read(), 'pkg/__init__.py'))"
    )
    command = [PYTHONS[version], "-B", "-c", script, WORKER, package / "__init__.py"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    compiled = package / f"__pycache__/__init__.cpython-{version.replace('.', '')}.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(data)
    use = "import pkg, traceback\ntry:\n    pkg.fail()\nexcept ZeroDivisionError:\n    traceback.print_exc()\nprint(pkg.VALUE, pkg.fail.__code__.co_filename)"

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PYTHONS[version], *options, "-B", "-c", use],
            env={"PYTHONPATH": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        )

    assert run().stdout.split() == ["1", str(package / "__init__.py")]
    assert f'File "{package}/__init__.py", line 3, in fail' in run().stderr
    assert run("--check-hash-based-pycs", "always").stdout.split()[0] == "1", "the hash is the source's"
    (package / "__init__.py").write_text("VALUE = 2\ndef fail():\n    return 1 / 0\n")
    os.utime(package / "__init__.py", (1, 1))
    assert run().stdout.split()[0] == "1", "unchecked: neither times nor the source count"


@pytest.mark.skipif("3.10" not in PYTHONS, reason="there is no CPython 3.10")
def test_a_set_whose_order_is_the_machines_is_refused_where_marshal_does_not_sort() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _compiled(PYTHONS["3.10"], [("a.py", HASHED_BY_ADDRESS)])
    assert "a set's order depends on the machine" in caught.value.stderr


def _confined(python: Path, then: str) -> str:
    script = (
        "import os, runpy, signal, socket, sys\nworker = runpy.run_path(sys.argv[1], run_name='worker')\n"
        f"print(worker['_confine'](memory_bytes=512 << 20, cpu_seconds=60), flush=True)\n{then}"
    )
    done = subprocess.run([python, "-B", "-c", script, WORKER], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "deed",
    [
        "open(sys.argv[1])",
        "os.rename('/tmp', '/tmp2')",
        "os.unlink('/tmp/not-there')",
        "os.fork()",
        "socket.socket()",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "os.execv('/bin/true', ['true'])",
    ],
)
@pytest.mark.parametrize("version", PYTHONS)
def test_what_a_source_could_do_with_a_compilers_bug(version: str, deed: str) -> None:
    told = _confined(PYTHONS[version], deed)
    assert told.startswith("True")
    assert "PermissionError" in told


@pytest.mark.parametrize("version", PYTHONS)
def test_memory_has_an_end(version: str) -> None:
    assert "MemoryError" in _confined(PYTHONS[version], "bytearray(600 << 20)")
