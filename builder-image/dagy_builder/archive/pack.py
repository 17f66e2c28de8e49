"""Step `package`: the installed tree as a deterministic ZIP."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import deflate

from dagy_builder.archive import included as rules
from dagy_builder.archive.native import Linked, link_warnings, linked
from dagy_builder.archive.records import (
    Fingerprint,
    fingerprint,
    overlap_warnings,
    overlaps,
    owners,
    recorded_hashes,
    rewritten_record,
)
from dagy_builder.archive.tree import TreeFile, TreeReader, scan
from dagy_builder.archive.zipwriter import DEFLATED, STORED, Member, ZipWriter
from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.sizes import Limits, human_size, too_large

ARTIFACT, CONTENTS, SUMMARY = "artifact.zip", "contents.txt.gz", "package.json"
# libdeflate's levels, chosen by measurement (docs/decisions/2026-11-21-deflate.md).
_LEVELS = {"fast": 1, "small": 6}
_BATCH_BYTES, _BATCH_FILES = 1 << 20, 64
_TICK_BYTES = 4 << 20
# Bytes of files that are in memory at one time; a larger file is packed alone.
_IN_FLIGHT_BYTES = 128 << 20
_FIRST_PYTHON_WITH_ZIP64_IMPORT = (3, 13)


@dataclass(frozen=True)
class PackageSummary:
    """What `package` found out about its ZIP; hashes are hex, sizes bytes."""

    sha256: str
    content_sha256: str
    size_bytes: int
    uncompressed_bytes: int
    file_count: int
    package_count: int
    zip_importable: bool
    warnings: tuple[str, ...] = ()
    """What its user should know of it, each a sentence or two."""


@dataclass(frozen=True)
class _Packed:
    member: Member
    line: str
    """Its line in the list of contents."""
    native: bool
    linked: Linked | None


def package(
    request: BuildRequest,
    tree: Path,
    out: Path,
    limits: Limits,
    tick: Callable[[], None] = lambda: None,
    *,
    lock_text: str = "",
    check_records: bool = False,
) -> PackageSummary:
    """Write the ZIP, its contents' list and its summary; the bill of materials as well where the lock is given.

    Raises StepError for a tree that is refused or too large. `tick` is called now and then when there is more of the
    ZIP, for somebody who already reads it. `check_records`: each file must have the hash that its RECORD says.
    """
    scanned = scan(tree, limits, may_link=not request.runs_package_code)
    files = [file for file in scanned if not rules.is_left_out(file.path, request.python_version)]
    if not any(rules.is_record(file.path) for file in files):
        raise StepError(Reason.TREE_REFUSED, "Nothing is installed, so there is nothing to package. Add a dependency.")
    out.mkdir(parents=True, exist_ok=True)
    root_fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        level = _LEVELS.get(request.compression, _LEVELS["fast"])
        warnings = _warnings(scanned, root_fd, request.python_version)
        packed = _packed(request, files, root_fd, level, check_records=check_records)
        written = _write_zip(packed, out / ARTIFACT, limits.compressed_bytes, tick)
        if request.runs_package_code:  # wheels of an index have been looked at by their authors
            warnings += link_warnings(written.linked, (file.path for file in files), request.glibc)
        if lock_text:
            _write_sbom(request, lock_text, root_fd, files, out)
    except BaseException:
        (out / ARTIFACT).unlink(missing_ok=True)
        raise
    finally:
        os.close(root_fd)
    summary = _summary(request, files, written, tuple(warnings), out)
    (out / SUMMARY).write_text(json.dumps(asdict(summary)))
    return summary


def _summary(
    request: BuildRequest, files: Sequence[TreeFile], written: _Written, warnings: tuple[str, ...], out: Path
) -> PackageSummary:
    """Return the summary, after writing the list of contents, which is part of it by its hash."""
    contents = "".join(written.lines).encode()
    # A gzip header can name a time and a system; libdeflate leaves both out, so that this file is reproducible, too.
    (out / CONTENTS).write_bytes(deflate.gzip_compress(contents, _LEVELS["small"]))
    can_read_zip64 = tuple(map(int, request.python_version.split("."))) >= _FIRST_PYTHON_WITH_ZIP64_IMPORT
    return PackageSummary(
        sha256=written.zip.sha256,
        content_sha256=hashlib.sha256(contents).hexdigest(),
        size_bytes=written.zip.size,
        uncompressed_bytes=written.uncompressed_bytes,
        file_count=len(files),
        package_count=sum(rules.is_record(file.path) for file in files),
        zip_importable=not written.native and (can_read_zip64 or not written.zip.is_zip64),
        warnings=warnings,
    )


def _write_sbom(request: BuildRequest, lock_text: str, root_fd: int, files: Sequence[TreeFile], out: Path) -> None:
    from dagy_builder.archive.sbom import METADATA_BYTES, SBOM, sbom  # 60 ms, for whoever uploads

    described = [file for file in files if rules.is_metadata(file.path) and file.size <= METADATA_BYTES]
    with TreeReader(root_fd) as reader:
        (out / SBOM).write_bytes(sbom(lock_text, request, [bytes(reader.read(file)) for file in described]))


def read_summary(out: Path) -> PackageSummary:
    """Return what `package` wrote."""
    told = json.loads((out / SUMMARY).read_text())
    return PackageSummary(**{**told, "warnings": tuple(told["warnings"])})


def compress(data: bytes, level: int) -> tuple[int, bytes | bytearray]:
    """Return the method and the bytes to store: deflated only where that is smaller."""
    packed = deflate.deflate_compress(data, level) if data else b""
    return (DEFLATED, packed) if len(packed) < len(data) else (STORED, data)


@dataclass
class _Written:
    zip: ZipWriter
    lines: list[str] = field(default_factory=list)
    uncompressed_bytes: int = 0
    native: bool = False
    linked: list[Linked] = field(default_factory=list)


def _write_zip(batches: Iterable[list[_Packed]], target: Path, limit: int, tick: Callable[[], None]) -> _Written:
    with target.open("wb") as file:
        written, told = _Written(ZipWriter(file)), 0
        for batch in batches:
            written.zip.add(*(packed.member for packed in batch))
            if written.zip.size > limit:
                raise too_large(f"The ZIP has more than {human_size(limit)}", human_size(limit))
            if written.zip.size - told >= _TICK_BYTES:
                file.flush()
                tick()
                told = written.zip.size
            written.lines += [packed.line for packed in batch]
            written.native |= any(packed.native for packed in batch)
            written.linked += [packed.linked for packed in batch if packed.linked]
            written.uncompressed_bytes += sum(packed.member.size for packed in batch)
        written.zip.finish()
    return written


def _packed(
    request: BuildRequest, files: Sequence[TreeFile], root_fd: int, level: int, *, check_records: bool
) -> Iterator[list[_Packed]]:
    """All files in their order, in batches."""
    with TreeReader(root_fd) as reader:
        scripts = _python_scripts(reader, files)
        records = _rewritten_records(reader, files, scripts, request.python_version)
        recorded = recorded_hashes(_records(reader, files)) if check_records else {}

    def pack(batch: Sequence[TreeFile]) -> list[_Packed]:
        with TreeReader(root_fd) as reader:
            return [_pack(file, *packed_as(reader, file), level) for file in batch]

    def packed_as(reader: TreeReader, file: TreeFile) -> tuple[bytes, str | None]:
        """Return the bytes to pack, and what their hash has to be."""
        if file.path in records:
            return records[file.path], None
        if file.path in scripts:
            return rules.portable_script(reader.read(file)), None
        return reader.read(file), recorded.get(file.path)

    return _in_parallel(pack, files)


def _pack(file: TreeFile, data: bytes, recorded: str | None, level: int) -> _Packed:
    digest = hashlib.sha256(data).hexdigest()
    if recorded not in (None, digest):
        raise StepError(
            Reason.HASH_MISMATCH,
            f"{file.path} is not what its package's RECORD says, most likely because the wheel cache is damaged. "
            "The next attempt fetches the package anew.",
            Fault.INFRASTRUCTURE,
        )
    method, stored = compress(data, level)
    member = Member(file.path, file.executable, method, deflate.crc32(data), len(data), stored)
    mode = "0755" if file.executable else "0644"
    line = f"{mode} {digest} {file.path}\n"
    native = rules.is_native(file.path, data)
    return _Packed(member, line, native, linked(file.path, data) if native else None)


def _records(reader: TreeReader, files: Iterable[TreeFile]) -> Iterator[tuple[str, bytes]]:
    return ((file.path, reader.read(file)) for file in files if rules.is_record(file.path))


def _warnings(scanned: Sequence[TreeFile], root_fd: int, python_version: str) -> list[str]:
    """What is to be told about the tree: modules that Python has itself, and files that two distributions bring."""
    shadowing = [file.path for file in scanned if rules.shadowed_module(file.path, python_version)]
    with TreeReader(root_fd) as reader:
        whose = owners(_records(reader, scanned)) if shadowing else {}
        overlapping = overlaps(_records(reader, scanned), python_version)
    return [*rules.shadow_warnings(shadowing, whose, python_version), *overlap_warnings(overlapping)]


def _python_scripts(reader: TreeReader, files: Iterable[TreeFile]) -> dict[str, Fingerprint]:
    """Return the scripts that are started by a Python, with what RECORD says of them once they are portable.

    Of other programs, which may be large, only the beginning is read.
    """
    found = {}
    for file in files:
        if rules.is_script(file.path):
            head = reader.head(file, rules.SCRIPT_HEAD_BYTES)
            if rules.portable_script(head) != head:
                found[file.path] = fingerprint(rules.portable_script(reader.read(file)))
    return found


def _rewritten_records(
    reader: TreeReader, files: Iterable[TreeFile], scripts: Mapping[str, Fingerprint], python_version: str
) -> dict[str, bytes]:
    return {path: rewritten_record(data, scripts, python_version) for path, data in _records(reader, files)}


def _in_parallel(
    pack: Callable[[Sequence[TreeFile]], list[_Packed]], files: Sequence[TreeFile]
) -> Iterator[list[_Packed]]:
    """Pack with a thread for each CPU (libdeflate and hashlib release the GIL); results in the order of `files`."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting: deque[tuple[Future[list[_Packed]], int]] = deque()
        in_flight = 0
        try:
            for batch in _batches(files):
                size = sum(file.size for file in batch)
                while waiting and in_flight + size > _IN_FLIGHT_BYTES:
                    done, freed = waiting.popleft()
                    yield done.result()
                    in_flight -= freed
                waiting.append((pool.submit(pack, batch), size))
                in_flight += size
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _batches(files: Sequence[TreeFile]) -> Iterator[list[TreeFile]]:
    """Neighbours together, so that small files don't cost a task each."""
    batch: list[TreeFile] = []
    size = 0
    for file in files:
        if batch and (size + file.size > _BATCH_BYTES or len(batch) == _BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
