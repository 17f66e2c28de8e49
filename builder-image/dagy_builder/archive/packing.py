"""The files of a tree, read and packed side by side: scripts and RECORDs as they are in the ZIP."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dagy_builder.archive import included as rules
from dagy_builder.archive.ahead import Ahead
from dagy_builder.archive.deflated import Deflater
from dagy_builder.archive.members import Packed, checked_digest, packed_file
from dagy_builder.archive.records import Fingerprint, fingerprint, recorded_hashes, rewritten_record
from dagy_builder.archive.tree import TreeFile, TreeReader
from dagy_builder.contract import BuildRequest

_BATCH_BYTES, _BATCH_FILES = 4 << 20, 512
# Bytes of files that are in memory at one time; a larger file is packed alone.
_IN_FLIGHT_BYTES = 128 << 20


def packed_files(
    request: BuildRequest,
    files: Sequence[TreeFile],
    root_fd: int,
    deflater: Deflater,
    *,
    owners: Mapping[str, str],
    check_records: bool,
) -> Ahead[list[TreeFile], list[Packed]]:
    """All files in their order, in batches, with a thread for each CPU: libdeflate and hashlib release the GIL.

    `owners` names the distribution of each path.
    """
    with TreeReader(root_fd) as reader:
        scripts = _python_scripts(reader, files)
        records = _rewritten_records(reader, files, scripts, request.python_version)
        recorded = recorded_hashes(records_in(reader, files)) if check_records else {}

    def pack(batch: Sequence[TreeFile]) -> list[Packed]:
        with TreeReader(root_fd) as reader:
            contents, recorded = zip(*(packed_as(reader, file) for file in batch), strict=True)
        digests = list(map(checked_digest, (file.path for file in batch), contents, recorded))
        deflated = deflater.deflate(contents, digests)
        return [
            packed_file(file.path, *one, executable=file.executable)
            for file, *one in zip(batch, contents, digests, deflated, strict=True)
        ]

    def packed_as(reader: TreeReader, file: TreeFile) -> tuple[bytes, str | None]:
        """Return the bytes to pack, and the hash that they must have."""
        if file.path in records:
            return records[file.path], None
        if file.path in scripts:
            return rules.portable_script(reader.read(file)), None
        return reader.read(file), recorded.get(file.path)

    return Ahead(pack, _batches(files, owners), threads=len(os.sched_getaffinity(0)), most=_IN_FLIGHT_BYTES)


def records_in(reader: TreeReader, files: Iterable[TreeFile]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each RECORD."""
    return ((file.path, reader.read(file)) for file in files if rules.is_record(file.path))


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
    return {path: rewritten_record(data, scripts, python_version) for path, data in records_in(reader, files)}


def _batches(files: Sequence[TreeFile], owners: Mapping[str, str]) -> Iterator[tuple[list[TreeFile], int]]:
    """Neighbours together, so that small files don't cost a task each; with the bytes of all.

    Those of one distribution and one folder, so that a wheel makes the same batches whatever lies beside it.
    """
    batch: list[TreeFile] = []
    size, whose = 0, ("", "")
    for file in files:
        before, whose = whose, (owners.get(file.path, ""), file.path.partition("/")[0])
        if batch and (whose != before or size + file.size > _BATCH_BYTES or len(batch) == _BATCH_FILES):
            yield batch, size
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch, size
