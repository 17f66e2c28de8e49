"""Step `package`: the installed tree as a deterministic ZIP."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import deflate

from dagy_builder.archive import included as rules
from dagy_builder.archive.compiled import Compilation, compilation
from dagy_builder.archive.deflated import LEVELS, Deflater
from dagy_builder.archive.members import Packed
from dagy_builder.archive.native import Linked, link_warnings
from dagy_builder.archive.packing import packed_files, records_in
from dagy_builder.archive.records import overlap_warnings, overlaps, owners
from dagy_builder.archive.summary import ARTIFACT, CONTENTS, SBOM, PackageSummary, write_summary
from dagy_builder.archive.tree import TreeFile, TreeReader, refused, scan
from dagy_builder.archive.zipwriter import ZipWriter
from dagy_builder.bytecode.compiler import Compiler
from dagy_builder.bytecode.rules import room_warnings
from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.failure import StepError
from dagy_builder.kept.entries import KeptEntries
from dagy_builder.sizes import Limits, human_size, too_large

_TICK_BYTES = 4 << 20
_DIRECTORY_BYTES = 1 << 20
"""Kept free below the ZIP's limit while bytecode is added."""
_FIRST_PYTHON_WITH_ZIP64_IMPORT = (3, 13)


def package(
    request: BuildRequest,
    tree: Path,
    out: Path,
    limits: Limits,
    tick: Callable[[], None] = lambda: None,
    *,
    lock_text: str = "",
    check_records: bool = False,
    compiler: Compiler | None = None,
    kept: KeptEntries | None = None,
    notes: Sequence[str] = (),
) -> PackageSummary:
    """Write the ZIP, its contents' list and its summary; the bill of materials as well where the lock is given.

    Raises StepError for a tree that is refused or too large. `tick` is called now and then when there is more of the
    ZIP, for somebody who already reads it. `check_records`: each file must have the hash that its RECORD says.
    With a `compiler`, the ZIP holds bytecode as well, after all other files. What was compressed before is found in
    `kept`. `notes` are further warnings.
    """
    scanned = scan(tree, limits, may_link=not request.runs_package_code)
    files = [file for file in scanned if not rules.is_left_out(file.path, request.python_version)]
    if not any(rules.is_record(file.path) for file in files):
        raise StepError(Reason.TREE_REFUSED, "Nothing is installed, so there is nothing to package. Add a dependency.")
    out.mkdir(parents=True, exist_ok=True)
    root_fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        whose = _owners(scanned, root_fd)
        warnings = [*_warnings(scanned, whose, root_fd, request.python_version), *notes]
        deflater = Deflater(LEVELS.get(request.compression, LEVELS["fast"]), kept)
        with (
            packed_files(request, files, root_fd, deflater, owners=whose, check_records=check_records) as packed,
            compilation(compiler, files, root_fd, owners=whose, deflater=deflater) as compiled,
        ):
            written = _write_zip(packed, compiled, out / ARTIFACT, limits, tick)
        warnings += _warnings_of(request, files, written, compiled, limits)
        if lock_text:
            _write_sbom(request, lock_text, root_fd, files, out)
    except BaseException:
        (out / ARTIFACT).unlink(missing_ok=True)
        raise
    finally:
        os.close(root_fd)
    summary = _summary(request, files, written, tuple(warnings), out)
    write_summary(summary, out)
    return summary


def _summary(
    request: BuildRequest, files: Sequence[TreeFile], written: _Written, warnings: tuple[str, ...], out: Path
) -> PackageSummary:
    """Return the summary, after writing the list of contents, which is part of it by its hash."""
    contents = "".join(line for _, line in sorted(written.lines.items(), key=lambda one: one[0].encode())).encode()
    # A gzip header can name a time and a system; libdeflate leaves both out, so that this file is reproducible, too.
    (out / CONTENTS).write_bytes(deflate.gzip_compress(contents, LEVELS["small"]))
    can_read_zip64 = tuple(map(int, request.python_version.split("."))) >= _FIRST_PYTHON_WITH_ZIP64_IMPORT
    return PackageSummary(
        sha256=written.zip.sha256,
        content_sha256=hashlib.sha256(contents).hexdigest(),
        size_bytes=written.zip.size,
        uncompressed_bytes=written.uncompressed_bytes,
        file_count=len(written.lines),
        package_count=sum(rules.is_record(file.path) for file in files),
        zip_importable=not written.native and (can_read_zip64 or not written.zip.is_zip64),
        warnings=warnings,
    )


def _write_sbom(request: BuildRequest, lock_text: str, root_fd: int, files: Sequence[TreeFile], out: Path) -> None:
    from dagy_builder.archive.sbom import METADATA_BYTES, sbom  # 60 ms, for whoever uploads

    described = [file for file in files if rules.is_metadata(file.path) and file.size <= METADATA_BYTES]
    with TreeReader(root_fd) as reader:
        (out / SBOM).write_bytes(sbom(lock_text, request, [bytes(reader.read(file)) for file in described]))


@dataclass
class _Written:
    zip: ZipWriter
    lines: dict[str, str] = field(default_factory=dict)
    """Each path's line in the list of contents."""
    sources: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the sources."""
    uncompressed_bytes: int = 0
    native: bool = False
    linked: list[Linked] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Sources without bytecode, for which there was no room."""

    def add(self, batch: Sequence[Packed]) -> None:
        """Write members, and note what they are."""
        self.zip.add(*(packed.member for packed in batch))
        for packed in batch:
            self.lines[packed.member.path] = packed.line
            self.uncompressed_bytes += packed.member.size
            self.native |= packed.native
            if packed.linked:
                self.linked.append(packed.linked)
            if packed.member.path.endswith(".py"):
                self.sources[packed.member.path] = packed.sha256

    def has_room(self, packed: Packed, limits: Limits) -> bool:
        """Return True when the ZIP stays below its limits with one more member."""
        return (
            self.zip.size + len(packed.member.data) <= limits.compressed_bytes - _DIRECTORY_BYTES
            and self.uncompressed_bytes + packed.member.size <= limits.uncompressed_bytes
        )


def _write_zip(
    batches: Iterable[list[Packed]], compiled: Compilation, target: Path, limits: Limits, tick: Callable[[], None]
) -> _Written:
    with target.open("wb") as file:
        written, told = _Written(ZipWriter(file)), 0

        def tell() -> None:
            nonlocal told
            if written.zip.size - told >= _TICK_BYTES:
                file.flush()
                tick()
                told = written.zip.size

        for batch in batches:
            written.add(batch)
            if written.zip.size > limits.compressed_bytes:
                most = human_size(limits.compressed_bytes)
                raise too_large(f"The ZIP has more than {most}", most)
            tell()
        for source in compiled:
            if written.sources.get(source.path) != source.sha256:
                raise refused(source.path, "it changed while it was packed")
            if written.has_room(source.packed, limits):
                written.add([source.packed])
            else:
                written.left_out.append(source.path)
            tell()
        written.zip.finish()
    return written


def _owners(scanned: Sequence[TreeFile], root_fd: int) -> Mapping[str, str]:
    with TreeReader(root_fd) as reader:
        return owners(records_in(reader, scanned))


def _warnings(scanned: Sequence[TreeFile], whose: Mapping[str, str], root_fd: int, python_version: str) -> list[str]:
    """Return warnings about the tree: modules that Python has itself, and files that two distributions bring."""
    shadowing = [file.path for file in scanned if rules.shadowed_module(file.path, python_version)]
    with TreeReader(root_fd) as reader:
        overlapping = overlaps(records_in(reader, scanned), python_version)
    return [*rules.shadow_warnings(shadowing, whose, python_version), *overlap_warnings(overlapping)]


def _warnings_of(
    request: BuildRequest, files: Sequence[TreeFile], written: _Written, compiled: Compilation, limits: Limits
) -> list[str]:
    """Return warnings about what was packed: machine code that was built here, and bytecode that is missing."""
    # Wheels of an index have been looked at by their authors.
    linked = written.linked if request.runs_package_code else []
    return [
        *link_warnings(linked, (file.path for file in files), request.glibc),
        *compiled.warnings,
        *room_warnings(written.left_out, human_size(limits.uncompressed_bytes)),
    ]
