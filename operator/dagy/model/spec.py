"""DepPackage's spec: what the user declares. The operator never writes it."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from dagy.model.base import ApiModel, cel
from dagy.model.constants import MAX_DEPENDENCIES, MAX_REQUIREMENT_LENGTH
from dagy_builder.platforms import Architecture, PythonVersion

SLUG_PATTERN = "^[A-Z0-9]{8}$"

Requirement = Annotated[str, Field(min_length=1, max_length=MAX_REQUIREMENT_LENGTH)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$", max_length=20)]
Url = Annotated[
    str,
    Field(
        pattern="^https?://",
        max_length=1024,
        json_schema_extra=cel(
            "!self.contains('@')",
            "an index URL must not carry credentials, because everyone who can read the package could read them; "
            "remove the part before '@'",
        ),
    ),
]


class BuildPolicy(StrEnum):
    """When the operator acts by itself."""

    AUTO = "Auto"
    MANUAL = "Manual"


class SourceDistributions(StrEnum):
    """Whether packages that have no wheel may be built, which runs their code."""

    FORBID = "Forbid"
    ALLOW = "Allow"


class Compression(StrEnum):
    """What the ZIP is optimized for."""

    FAST = "fast"
    SMALL = "small"


class Bytecode(StrEnum):
    """Whether the ZIP holds bytecode (.pyc files) beside the sources."""

    INCLUDE = "Include"
    EXCLUDE = "Exclude"


class DeletionPolicy(StrEnum):
    """What becomes of the objects in S3 when the package is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class Platform(ApiModel):
    """Where the package will be imported."""

    architecture: Architecture = "amd64"
    """CPU architecture of the nodes that run the flows."""
    glibc: Annotated[str, Field(pattern=r"^2\.[0-9]{1,2}$", max_length=5)] = "2.28"
    """Oldest glibc among the images that run the flows (the manylinux baseline, PEP 600); 2.28 suits Debian 10, RHEL 8, Ubuntu 18.10 and later."""  # noqa: E501


ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]


class KeyReference(ApiModel):
    """A key of a ConfigMap or Secret in the package's namespace."""

    name: ObjectName
    """Name of the ConfigMap or Secret."""
    key: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = "ca.crt"
    """The key."""


class CaBundle(ApiModel):
    """Where certificates of authorities are kept, in PEM."""

    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap."""
    secret_key_ref: KeyReference | None = None
    """A key of a Secret; only its certificates are used."""


class Index(ApiModel):
    """Package indexes to use instead of PyPI. For each name the first index that knows it wins; versions are never mixed."""  # noqa: E501

    url: Url | None = None
    """The default index (PEP 503); the operator's (DAGY_INDEX_URL), or else PyPI, when absent."""
    extra_urls: Annotated[list[Url], Field(max_length=5)] = []
    """Further indexes, asked before the default one, in this order."""
    secret_names: Annotated[
        list[ObjectName], Field(max_length=6, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = []
    """Secrets of type dagy.io/index-credentials in the package's namespace, with the keys url, and username and password or token. Each is sent to its own url and below, and nowhere else."""  # noqa: E501
    ca_bundle: Annotated[
        CaBundle | None,
        Field(
            json_schema_extra=cel(
                "has(self.configMapKeyRef) != has(self.secretKeyRef)",
                "name one place for the certificates: configMapKeyRef or secretKeyRef",
            )
        ),
    ] = None
    """Certificate authorities that the indexes' certificates may be of, beside the public ones."""


class ResourceList(ApiModel):
    """Amounts of compute resources, as Kubernetes quantities."""

    cpu: Quantity | None = None
    """CPU cores, e.g. "2" or "500m"."""
    memory: Quantity | None = None
    """Memory, e.g. "2Gi"."""
    ephemeral_storage: Annotated[Quantity | None, Field(alias="ephemeral-storage")] = None
    """Disk for the build, e.g. "10Gi"."""


class Resources(ApiModel):
    """Compute resources of each container of a build."""

    requests: ResourceList | None = None
    """What a node must have free."""
    limits: ResourceList | None = None
    """What the build may use at most."""


class BuildOptions(ApiModel):
    """How the package is built."""

    timeout_seconds: Annotated[int, Field(ge=30, le=7200)] = 1800
    """Seconds after which one attempt is stopped."""
    retries: Annotated[int, Field(ge=0, le=5)] = 3
    """How often an attempt that failed through no fault of the requirements is repeated."""
    resources: Resources | None = None
    """Resources of the build's containers; the operator's defaults when absent."""
    compression: Compression = Compression.FAST
    """fast packs in the least time; small takes longer and makes a ZIP that is a few percent smaller. Changing it builds again, from the same lock."""  # noqa: E501
    bytecode: Bytecode | None = None
    """Include puts bytecode (.pyc files) beside the sources, compiled from them by the build: imports take less than half the time, the ZIP is larger and takes longer to build. Exclude leaves it out. When absent, what is built has bytecode, and what was built by a version without this field stays. Changing it builds again, from the same lock."""  # noqa: E501


class DepPackageSpec(ApiModel):
    """The Python packages that flows need, and for which Python."""

    python_version: PythonVersion
    """Python version of the flows that will use the package, quoted: "3.10", "3.11", "3.12" or "3.13"."""
    dependencies: Annotated[
        list[Requirement],
        Field(
            max_length=1000,
            json_schema_extra={
                "x-kubernetes-list-type": "atomic",
                **cel(
                    f"size(self) >= 1 && size(self) <= {MAX_DEPENDENCIES}",
                    f"a package holds 1 to {MAX_DEPENDENCIES} dependencies; split a longer list into several packages "
                    "and attach them together",
                ),
            },
        ),
    ]
    """Requirements as in requirements.txt (PEP 508), e.g. "pandas>=2,<3", "uvicorn[standard]" or "mylib @ https://...". Names are normalized (PEP 503); of several requirements with one name the last is kept."""  # noqa: E501
    display_name: Annotated[str | None, Field(max_length=120)] = None
    """Name for people, e.g. "ML Pipeline Deps"."""
    description: Annotated[str | None, Field(max_length=2000)] = None
    """What the package is for. Changing it builds nothing."""
    slug: Annotated[
        str | None,
        Field(
            pattern=SLUG_PATTERN,
            max_length=8,
            json_schema_extra=cel(
                "self == oldSelf",
                "a slug never changes during the life of a package; put the old one back, or create another package",
            ),
        ),
    ] = None
    """Only to restore a package under the slug it had before, e.g. in another cluster; leave it out otherwise."""
    build_policy: BuildPolicy = BuildPolicy.AUTO
    """Auto validates and builds on each change. Manual only saves; annotations dagy.io/validate and dagy.io/build start the rest."""  # noqa: E501
    suspend: bool = False
    """True stops the operator from starting anything for this package; what runs is finished."""
    platform: Platform | None = None
    """CPU and C library of the flows' images; linux on amd64 with glibc 2.28 when absent."""
    index: Index | None = None
    """Package indexes instead of PyPI."""
    source_distributions: SourceDistributions = SourceDistributions.FORBID
    """Forbid takes wheels only, so that no package's code runs during the build. Allow builds source distributions where there is no wheel."""  # noqa: E501
    exclude_newer: AwareDatetime | None = None
    """Ignore releases uploaded after this time (RFC 3339), e.g. to repeat an earlier resolution."""
    build: BuildOptions | None = None
    """Time, retries and resources of the build."""
    revision_history_limit: Annotated[int, Field(ge=0, le=20)] = 3
    """How many earlier artifacts are kept in S3 and listed in status.history."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete removes the objects in S3 together with the package, Retain keeps them."""
