"""Builds that are done but for the upload, or that are still being packed, and the objects that they leave in S3."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dagy_builder import keys
from dagy_builder.archive.summary import PackageSummary
from dagy_builder.contract import Artifact, BuildRequest, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.storage.store import ObjectStore

SIDECARS = ("pylock.toml", "contents.txt.gz", "sbom.cdx.json")


@dataclasses.dataclass
class Build:
    """A build that is done but for the upload."""

    request: BuildRequest
    lock: str
    work: Path
    log: list[str]

    def attempt(self, number: int) -> Build:
        """The same build as another attempt would do it."""
        return dataclasses.replace(self, request=dataclasses.replace(self.request, attempt=number))

    @property
    def names(self) -> keys.BuildKeys:
        """The names of its objects."""
        return keys.BuildKeys.of(self.request.key_prefix, self.request)

    def upload(self, **changes: str) -> StepOutcome:
        """The upload, with those fields of the request changed."""
        request = dataclasses.replace(self.request, **changes)  # type: ignore[arg-type]
        return pipeline.upload(
            request, self.lock, self.work, self.log.append, built_with=lambda: {"builtWith": "a test"}
        )


def artifact_in(outcome: StepOutcome) -> Artifact:
    """Return the artifact that was uploaded; the upload must have ended well."""
    assert outcome.ok, outcome.message
    assert outcome.result
    return Artifact.from_json(outcome.result)


def key_of(artifact: Artifact) -> str:
    """Its key, if it is in the bucket of these tests."""
    return artifact.uri.removeprefix("s3://packages/")


def unfinished(store: ObjectStore) -> list[Any]:
    """Uploads in parts that were neither completed nor given up."""
    return store.call(lambda s3: s3.list_multipart_uploads(Bucket=store.bucket)).get("Uploads", [])


def parts_sent(store: ObjectStore) -> list[Any]:
    """Parts of the uploads that are not finished."""
    where = [{"Bucket": store.bucket, "Key": one["Key"], "UploadId": one["UploadId"]} for one in unfinished(store)]
    return [part for one in where for part in store.call(lambda s3, one=one: s3.list_parts(**one)).get("Parts", [])]


class Packer:
    """Lets a ZIP of `size` bytes grow while `ticks` is read; `seen` hears of each tick."""

    def __init__(self, out: Path, size: int, seen: Callable[[int], None] = lambda _: None) -> None:
        self.out, self.data, self.seen = out, os.urandom(size), seen
        for name in ("artifact.zip", "package.json"):
            (out / name).unlink()

    def ticks(self) -> Iterator[None]:
        """A tick for each piece that was written."""
        with (self.out / "artifact.zip").open("ab", buffering=0) as file:
            for start in range(0, len(self.data), 4 << 20):
                file.write(self.data[start : start + (4 << 20)])
                self.seen(start)
                yield
        self.end()

    def end(self) -> None:
        """End the packing: write the summary of the ZIP."""
        told = PackageSummary(hashlib.sha256(self.data).hexdigest(), "ab" * 32, len(self.data), 1, 1, 1, False)
        (self.out / "package.json").write_text(json.dumps(dataclasses.asdict(told)))

    def upload(self, build: Build, packed: Callable[[], None] = lambda: None) -> StepOutcome:
        """The upload beside it; `packed` is called when the packer has ended."""
        return pipeline.upload(
            build.request, build.lock, build.work, build.log.append, ticks=self.ticks(), packed=packed
        )
