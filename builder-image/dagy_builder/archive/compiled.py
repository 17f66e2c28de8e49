"""The tree's bytecode as members of the ZIP, compiled while everything else is packed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dagy_builder.archive.ahead import Ahead
from dagy_builder.archive.deflated import Deflated, Deflater
from dagy_builder.archive.members import Packed, packed_bytecode
from dagy_builder.archive.tree import TreeFile, TreeReader
from dagy_builder.bytecode.compiler import Compiler, processes
from dagy_builder.bytecode.kept import Bytecode
from dagy_builder.bytecode.rules import SourceFile, chunks, compiled_path, refusal_warnings, sources_in
from dagy_builder.redact import one_line

_IN_FLIGHT_BYTES = 64 << 20
"""Of sources whose bytecode is made, or is not in the ZIP yet."""
_MOST_WORDS = 120


@dataclass(frozen=True)
class CompiledSource:
    """A source by its path and SHA-256 (hex), with its bytecode."""

    path: str
    sha256: str
    packed: Packed


@dataclass(frozen=True)
class RefusedSource:
    """A source that has no bytecode, and why."""

    path: str
    why: str


@dataclass
class Compilation:
    """The bytecode of a tree, as it comes."""

    results: Iterable[list[CompiledSource | RefusedSource]] = ()
    refusals: dict[str, str] = field(default_factory=dict)
    compiled: int = 0

    def __iter__(self) -> Iterator[CompiledSource]:
        """Yield the sources that have bytecode, and count the others."""
        for one in (one for batch in self.results for one in batch):
            if isinstance(one, CompiledSource):
                self.compiled += 1
                yield one
            else:
                self.refusals[one.path] = one.why

    @property
    def warnings(self) -> list[str]:
        """Warnings about sources without bytecode."""
        return refusal_warnings(self.refusals, self.compiled)


@contextmanager
def compilation(
    compiler: Compiler | None,
    files: Sequence[TreeFile],
    root_fd: int,
    *,
    owners: Mapping[str, str],
    deflater: Deflater,
) -> Iterator[Compilation]:
    """Start compiling, and stop it with the block; nothing is compiled without a compiler."""
    if compiler is None:
        yield Compilation()
        return
    by_path = {file.path: file for file in files}

    def work(chunk: Sequence[SourceFile]) -> list[CompiledSource | RefusedSource]:
        with TreeReader(root_fd) as reader:
            sources = [(one.path, reader.read(by_path[one.path])) for one in chunk]
        made = compiler.compile(sources)
        digests = [_sha256(one.data) for one in made]
        deflated = deflater.deflate([one.data for one in made], digests)
        return [packed(*one) for one in zip(sources, made, digests, deflated, strict=True)]

    def packed(
        source: tuple[str, bytes], made: Bytecode, digest: str, deflated: Deflated
    ) -> CompiledSource | RefusedSource:
        path, content = source
        if not made.data:
            return RefusedSource(path, one_line(made.refusal, _MOST_WORDS))
        member = packed_bytecode(compiled_path(path, compiler.tag), made.data, digest, deflated)
        return CompiledSource(path, _sha256(content), member)

    found = sources_in({file.path: file.size for file in files})
    batches = ((chunk, sum(one.size for one in chunk)) for chunk in chunks(found, owners))
    with Ahead(work, batches, threads=processes(), most=_IN_FLIGHT_BYTES) as results:
        yield Compilation(results)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
