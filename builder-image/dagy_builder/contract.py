"""Requests and outcomes of build steps: the only words the operator and the builder share.

Standard library only. The operator writes a `BuildRequest` into the ConfigMap that a Job mounts; each step answers
with a `StepOutcome` in its termination message (at most 4096 bytes, a limit of Kubernetes). The last step of a Job
prints it at the end of its log, too, whole (`dagy_builder.log_frames`): a lock is larger than that, and a
follower of the log knows at once what the kubelet reports up to a second later.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Self, TypeVar

PYPI = "https://pypi.org/simple"
"""The index where a request names none."""
TERMINATION_MESSAGE_LIMIT = 4096
RESULT_PREFIX = "dagy-result: "
"""The prefix of the lines of a result in a log."""
NONCE_VARIABLE = "DAGY_RESULT_NONCE"
"""The variable of a Job's last step with a word by which the reader of its log knows its result."""
CACHED_TREE_VARIABLE = "DAGY_CACHED_TREE"
"""The variable of `install` and `package` with the path of the tree, when it lies beside a cache that builds share."""
INDEX_CA_NAME = "index-ca.crt"
"""Authorities of the package's own indexes (spec.index.caBundle), in PEM, beside the request."""
GATEWAY_VARIABLE = "DAGY_INDEX_GATEWAY"
"""Environment variable with the URL of the index gateway, where there is one."""
GATEWAY_PORT = 7080
SHARED_CACHE_VARIABLE = "DAGY_SHARED_CACHE"
"""The variable of `install` and `package` with the folder of bytecode and compressed files that builds share."""
CONFIG_VARIABLE = "DAGY_OCI_CONFIG"
"""The variable of `upload` with the path of a docker config for the registry."""
NODE_VARIABLE = "DAGY_NODE_IP"
"""The variable of a step that may run package code with the address of its node, which it must not reach either."""
ISOLATION_VARIABLE, ISOLATION_REQUIRED = "DAGY_ISOLATION", "required"
"""The variable and its value by which a step runs package code only where NetworkPolicies are enforced."""


class Step(StrEnum):
    """The four steps, in the order in which they run; each is a container's name as well."""

    RESOLVE = "resolve"
    INSTALL = "install"
    PACKAGE = "package"
    UPLOAD = "upload"


LAST_STEPS = (Step.RESOLVE, Step.UPLOAD)
"""The steps with which a validation and a build end."""

_P = TypeVar("_P", bound=PurePath)


def step_folder(work: _P, step: Step) -> _P:
    """Return the folder of `step` below that of one build; nobody else writes there. In a pod it is a volume."""
    return work / step


class Fault(StrEnum):
    """The party at fault for a failure, which decides whether it is tried again."""

    USER = "User"
    """The package's; never tried again."""
    ADMINISTRATOR = "Administrator"
    """The installation's (an image, a Secret, a bucket); trying again changes nothing until somebody has mended it."""
    INFRASTRUCTURE = "Infrastructure"
    """Nobody's; tried again."""


class ExitCode:
    """Exit codes of the steps, after BSD's sysexits.h: the fault, for whoever sees nothing but a number."""

    OK = 0
    USER = 65  # EX_DATAERR
    INFRASTRUCTURE = 75  # EX_TEMPFAIL
    ADMINISTRATOR = 78  # EX_CONFIG


class Reason(StrEnum):
    """The reason of a step's failure: CamelCase, stable, part of the API (they become condition reasons)."""

    MALFORMED_REQUIREMENT = "MalformedRequirement"
    PACKAGE_NOT_FOUND = "PackageNotFound"
    NO_MATCHING_VERSION = "NoMatchingVersion"
    UNSATISFIABLE_REQUIREMENTS = "UnsatisfiableRequirements"
    PYTHON_INCOMPATIBLE = "PythonIncompatible"
    NO_WHEEL = "NoWheel"
    RESOLUTION_FAILED = "ResolutionFailed"
    INDEX_UNREACHABLE = "IndexUnreachable"
    INDEX_ACCESS_DENIED = "IndexAccessDenied"
    INDEX_NOT_TRUSTED = "IndexNotTrusted"
    HASH_MISMATCH = "HashMismatch"
    INSTALL_FAILED = "InstallFailed"
    TREE_REFUSED = "TreeRefused"
    TOO_LARGE = "TooLarge"
    DISK_FULL = "DiskFull"
    UV_MISSING = "UvMissing"
    PYTHON_MISSING = "PythonMissing"
    STORAGE_UNREACHABLE = "StorageUnreachable"
    STORAGE_ACCESS_DENIED = "StorageAccessDenied"
    BUCKET_NOT_FOUND = "BucketNotFound"
    UPLOAD_FAILED = "UploadFailed"
    NOT_ISOLATED = "NotIsolated"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    REGISTRY_ACCESS_DENIED = "RegistryAccessDenied"
    REGISTRY_REFUSED = "RegistryRefused"
    IMAGE_NOT_PUSHED = "ImageNotPushed"
    PREVIOUS_STEP_ENDED = "PreviousStepEnded"
    OUT_OF_MEMORY = "OutOfMemory"
    INTERNAL_ERROR = "InternalError"


class _Json:
    """camelCase JSON for the frozen dataclasses below; unknown keys are ignored, so that versions may differ."""

    def to_json(self) -> dict[str, Any]:
        """The object as JSON-ready values, without the fields that are None."""
        assert dataclasses.is_dataclass(self)
        return {_camel(k): v for k, v in dataclasses.asdict(self).items() if v is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the JSON of `to_json`. Raises TypeError when a required field is missing."""
        assert dataclasses.is_dataclass(cls)
        known = {_camel(f.name): f.name for f in dataclasses.fields(cls)}
        return cls(**{known[k]: v for k, v in data.items() if k in known})


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@dataclasses.dataclass(frozen=True)
class BuildRequest(_Json):
    """One validation or build, whole. No credential is ever part of it."""

    python_version: str
    """Target Python minor, e.g. "3.12"."""
    architecture: str = "amd64"
    """Target CPU in Go's words: amd64 or arm64."""
    glibc: str = "2.28"
    """Oldest glibc of the target, the manylinux baseline (PEP 600)."""
    requirements: list[str] = dataclasses.field(default_factory=list)
    """Normalized PEP 508 requirements, for `resolve`."""
    source_distributions: str = "Forbid"
    """Forbid (wheels only, no package code runs) or Allow."""
    exclude_newer: str | None = None
    """RFC 3339 time; releases uploaded after it are ignored."""
    index_url: str | None = None
    """Package index instead of PyPI, without credentials."""
    extra_index_urls: list[str] = dataclasses.field(default_factory=list)
    """Further indexes, without credentials; the first index that knows a name wins."""
    compression: str = "fast"
    """fast or small."""
    bytecode: str = "Exclude"
    """Include (the ZIP holds bytecode of its sources) or Exclude."""
    slug: str = ""
    lock_hash: str = ""
    """sha256 of the lock (hex), for `package` and `upload`."""
    build_token: str = ""
    """The build request that this answers; it is kept in build.json, and a build of another token is not reused."""
    attempt: int = 1
    """Number of the attempt, from 1. Each one uploads under a name of its own."""
    bucket: str = ""
    image_repository: str = ""
    """The package's own repository in the registry, HOST[:PORT]/NAME; empty where there is to be no image."""
    image_plain_http: bool = False
    """True when the registry is spoken to without TLS."""
    key_prefix: str = ""
    """The prefix of this package's objects in the bucket: ends with a slash, or is empty."""

    @property
    def indexes(self) -> list[str]:
        """URLs of the indexes in the order in which they are asked; the first one that knows a name wins."""
        return [*self.extra_index_urls, self.default_index]

    @property
    def default_index(self) -> str:
        """URL of the index that is asked last, and for all names without another one."""
        return self.index_url or PYPI

    @property
    def has_bytecode(self) -> bool:
        """True when the ZIP is to hold bytecode."""
        return self.bytecode == "Include"

    @property
    def runs_package_code(self) -> bool:
        """True when source distributions may be built, which runs whatever their authors wrote."""
        return self.source_distributions == "Allow"


@dataclasses.dataclass(frozen=True)
class Fix(_Json):
    """A change of one requirement that solves a problem."""

    requirement: str
    """The requirement as the user gave it (normalized)."""
    replacement: str
    """What to ask for in its place."""
    version: str | None = None
    """The version that it gets then, where that is known."""
    tried: bool = False
    """Whether it was resolved together with all that is right in the list."""


@dataclasses.dataclass(frozen=True)
class Problem(_Json):
    """One thing that is wrong with the user's requirements."""

    message: str
    """The whole in one or two sentences: the fault, the requirement, the cause."""
    requirement: str | None = None
    """The requirement as the user gave it (normalized)."""
    wanted: str | None = None
    exists: str | None = None
    why: str | None = None
    hint: str | None = None
    """The next thing to do."""
    fixes: list[dict[str, Any]] | None = None
    """`Fix`es as JSON, each of which solves it, the smallest first; the hint names them. None when there is none."""

    @classmethod
    def of(
        cls,
        why: str,
        hint: str,
        *,
        requirement: str | None = None,
        wanted: str | None = None,
        exists: str | None = None,
    ) -> Self:
        """Return a problem whose message is the whole: the fault and the next step, a sentence or two each."""
        return cls(f"{why} {hint}", requirement, wanted, exists, why, hint)


@dataclasses.dataclass(frozen=True)
class Artifact(_Json):
    """A ZIP that lies in S3, complete and checked, as build.json tells and status repeats."""

    uri: str
    sha256: str
    content_sha256: str
    """sha256 over the sorted lines "<mode> <sha256> <path>" of the files inside."""
    size_bytes: int
    uncompressed_bytes: int
    file_count: int
    package_count: int
    python_version: str
    architecture: str
    glibc: str
    lock_hash: str
    built_at: str
    zip_importable: bool
    """True when the ZIP can stand on sys.path as it is: no native modules, and no zip64 before Python 3.13."""
    lock_uri: str
    compression: str = "fast"
    """fast or small."""
    bytecode: str | None = None
    """Include or Exclude; None when it was built before there was a choice: then it has none."""
    contents_uri: str | None = None
    """The lines that `content_sha256` hashes, as a gzip file."""
    sbom_uri: str | None = None
    """The bill of materials (CycloneDX)."""
    record_uri: str | None = None
    """The build's record, build.json."""
    image: str | None = None
    """The same files in a registry, REPOSITORY@sha256:DIGEST; None where there is none (yet)."""
    image_failure: dict[str, str] | None = None
    """`reason` and `message` of a push that failed; None where none did."""
    log_uri: str | None = None
    """The build's log; the operator adds it, because it ends after the record is written."""
    warnings: list[str] | None = None
    """Warnings for its user, each a sentence or two; None when there are none."""


@dataclasses.dataclass(frozen=True)
class StepOutcome(_Json):
    """The outcome of a step. `reason`, `message` and `fault` are set exactly when it failed."""

    step: str
    ok: bool
    seconds: float = 0.0
    reason: str | None = None
    message: str | None = None
    """One or two sentences: the event, the thing it happened to, the cause, and the next step."""
    fault: str | None = None
    problems: list[dict[str, Any]] | None = None
    """`Problem`s as JSON, when the requirements are at fault; all of them."""
    result: dict[str, Any] | None = None
    """resolve: {lock, lockHash, packages}; package: sizes and hashes; upload: an `Artifact`."""

    def to_text(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_json(), separators=(",", ":"), ensure_ascii=True)
