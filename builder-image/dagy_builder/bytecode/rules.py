"""Rules for compiled Python in a ZIP: which sources have it, where it lies, and who is told what is missing. Pure.

Sources below a folder `test` or `tests` have none: they are most of what there is to compile in some of the largest
packages, and programs do not import them. What has none is compiled when it is imported, as in any read-only folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

SOURCE_BYTES = 2 << 20
"""The most that a source may have; larger ones, which are data, are left to the import."""
_TESTS = frozenset({"test", "tests"})
_CHUNK_BYTES = 2 << 20
_MOST_NAMED = 3
_FOLDER = "__pycache__"
_NO_PYTHON = ("SyntaxError: ", "ValueError: ")


@dataclass(frozen=True)
class SourceFile:
    """A file of the tree, with its size in bytes."""

    path: str
    size: int


def sources_in(paths: Mapping[str, int]) -> list[SourceFile]:
    """Return the sources that are compiled, of files with their sizes in bytes, in the order of their paths."""
    folders = {path.rpartition("/")[0].casefold() for path in paths}
    found = [SourceFile(path, size) for path, size in paths.items() if _is_compiled(path, size)]
    # Of two folders that are one where case is ignored, there may be one only, and the tree's is there.
    free = [one for one in found if compiled_path(one.path, "").rpartition("/")[0].casefold() not in folders]
    return sorted(free, key=lambda one: one.path.encode())


def _is_compiled(path: str, size: int) -> bool:
    if not path.endswith(".py") or size > SOURCE_BYTES or path.startswith("bin/"):
        return False
    *folders, name = path.removesuffix(".py").split("/")
    return _TESTS.isdisjoint(folders) and all(part.isidentifier() for part in (*folders, name))


def compiled_path(source: str, tag: str) -> str:
    """Return where Python looks for a source's bytecode (PEP 3147); `tag` is e.g. "cpython-312"."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/{_FOLDER}/{name[:-3]}.{tag}.pyc".lstrip("/")


def source_of(compiled: str) -> str | None:
    """Return the source of which a path is the bytecode; None for every other path."""
    folder, _, name = compiled.rpartition("/")
    parent, _, last = folder.rpartition("/")
    if last != _FOLDER or not name.endswith(".pyc"):
        return None
    return f"{parent}/{name.partition('.')[0]}.py".lstrip("/")


def tag_of(python_version: str) -> str:
    """Return the tag of a Python's bytecode: "cpython-312" for 3.12."""
    return f"cpython-{python_version.replace('.', '')}"


def chunks(sources: Iterable[SourceFile], owners: Mapping[str, str]) -> Iterator[list[SourceFile]]:
    """Yield what one process compiles: neighbours of one distribution, so that a wheel makes the same chunks anywhere.

    `owners` names the distribution of each path.
    """
    by_owner: dict[str, list[SourceFile]] = {}
    for source in sources:
        by_owner.setdefault(owners.get(source.path, ""), []).append(source)
    for _, owned in sorted(by_owner.items()):
        chunk: list[SourceFile] = []
        size = 0
        for source in owned:
            if chunk and size + source.size > _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append(source)
            size += source.size
        yield chunk


def refusal_warnings(refusals: Mapping[str, str], compiled: int) -> list[str]:
    """Return one warning for sources (paths, and why) that have no bytecode because the compiler failed.

    Sources that are no Python of this version are none of its failures: wheels bring such, and only an import tells
    whether they are meant for it.
    """
    refusals = {path: why for path, why in refusals.items() if not why.startswith(_NO_PYTHON)}
    if not refusals:
        return []
    named = [f"{path} ({why})" for path, why in sorted(refusals.items())[:_MOST_NAMED]]
    more = f", and {len(refusals) - _MOST_NAMED} more" if len(refusals) > _MOST_NAMED else ""
    verb = "has" if len(refusals) == 1 else "have"
    return [
        f"{len(refusals)} of {compiled + len(refusals)} sources {verb} no bytecode, because the compiler failed: "
        f"{'; '.join(named)}{more}. They are in the package as they are; importing them takes longer."
    ]


def room_warnings(left_out: Sequence[str], limit: str) -> list[str]:
    """Return a warning for bytecode that was left out because the package would have become too large."""
    if not left_out:
        return []
    return [
        f"{len(left_out)} sources have no bytecode: with it the package would have more than {limit}. "
        "Importing them takes longer; split the package to mend that."
    ]
