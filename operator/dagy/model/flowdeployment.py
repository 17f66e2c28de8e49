"""FlowDeployment's spec: a flow's code, the packages it needs, and when it runs. The operator never writes it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dagy.model.base import ApiModel, cel
from dagy.model.constants import MAX_ATTACHED_PACKAGES
from dagy.model.spec import DeletionPolicy, Resources
from dagy_builder.platforms import PythonVersion

SHA256_PATTERN = "^[0-9a-f]{64}$"
PACKAGE_REFERENCE_PATTERN = "^[A-Z0-9]{8}(@[0-9a-f]{64})?$"
MODULE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
MAX_NAME_LENGTH = 52
"""Of a FlowDeployment: Kubernetes appends 11 characters to a CronJob's name to name its Jobs."""

Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN, max_length=64)]
PackageReference = Annotated[str, Field(pattern=PACKAGE_REFERENCE_PATTERN, max_length=73)]
Argument = Annotated[str, Field(max_length=4096)]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]


class ConcurrencyPolicy(StrEnum):
    """What happens when a scheduled run is due and the one before has not ended (as a CronJob's field of that name)."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class FlowArtifact(ApiModel):
    """The flow's own code: a ZIP that was uploaded for this deployment."""

    uri: Annotated[str, Field(pattern="^s3://[^/]+/.+", max_length=1200)]
    """s3://bucket/key of the ZIP, as the upload gave it."""
    sha256: Sha256
    """SHA-256 of the ZIP, in hex; a pod in which it is another one does not start."""
    size_bytes: Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
    """Size of the ZIP in bytes."""


class KeyReference(ApiModel):
    """One entry of a Secret or ConfigMap in the deployment's namespace."""

    name: ObjectName
    """Name of the Secret or ConfigMap."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the entry."""
    optional: bool | None = None
    """True lets the run start without it."""


class EnvVarSource(ApiModel):
    """Where a variable's value comes from; exactly one."""

    secret_key_ref: KeyReference | None = None
    """An entry of a Secret."""
    config_map_key_ref: KeyReference | None = None
    """An entry of a ConfigMap."""


class EnvVar(ApiModel):
    """One environment variable of a run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", max_length=253)]
    """Name of the variable. PYTHONPATH is kept, behind the flow's code and its packages."""
    value: Annotated[str | None, Field(max_length=8192)] = None
    """Its value, for everyone to read who may read the deployment; take secrets from a Secret with valueFrom."""
    value_from: Annotated[
        EnvVarSource | None,
        Field(
            json_schema_extra=cel(
                "has(self.secretKeyRef) != has(self.configMapKeyRef)",
                "valueFrom needs either secretKeyRef or configMapKeyRef",
            )
        ),
    ] = None
    """Takes the value from a Secret or ConfigMap instead."""


class FlowSource(ApiModel):
    """What makes a revision: a change of any of these fields deploys anew; fields that are absent take the defaults."""

    artifact: FlowArtifact
    """The flow's own code."""
    flow_name: Annotated[str, Field(pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=128)]
    """Name of the flow: the module that a run starts as `python -m <flowName>`, unless command says otherwise."""
    flow_version: Annotated[str, Field(min_length=1, max_length=64)]
    """Version of the flow, as its author counts."""
    dep_package_slugs: Annotated[
        list[PackageReference],
        Field(
            max_length=64,
            json_schema_extra={
                "x-kubernetes-list-type": "atomic",
                "x-kubernetes-validations": [
                    {
                        "rule": f"size(self) <= {MAX_ATTACHED_PACKAGES}",
                        "message": f"at most {MAX_ATTACHED_PACKAGES} packages can be attached; put several of them "
                        "into one package",
                    },
                    {
                        "rule": "self.all(a, self.exists_one(b, a.substring(0, 8) == b.substring(0, 8)))",
                        "message": "a slug stands twice in depPackageSlugs; remove one of them",
                    },
                ],
            },
        ),
    ] = []
    """Slugs of the DepPackages to attach, e.g. A1B2C3D4; where two bring a module of one name, the first wins. Each is pinned to its present artifact when the revision is deployed; SLUG@sha256 asks for that earlier artifact."""  # noqa: E501
    packages_from: Annotated[list[ObjectName] | None, Field(max_length=16)] = None
    """Other namespaces whose packages the slugs may mean. They must let serviceAccountName get them as well; without this a slug means a package of the deployment's own namespace."""  # noqa: E501
    python_version: PythonVersion | None = None
    """Python version of the flow and of its image; that of the packages when absent."""
    image: Annotated[str | None, Field(min_length=1, max_length=512)] = None
    """Container image to run in; the operator's default (DAGY_FLOW_IMAGE) for the Python version when absent."""
    image_pull_secrets: Annotated[list[ObjectName], Field(max_length=10)] = []
    """Names of Secrets with the credentials of the image's registry."""
    command: Annotated[list[Argument] | None, Field(max_length=64)] = None
    """What a run starts instead of `python -m <flowName>`. The flow's code and packages are on PYTHONPATH."""
    args: Annotated[list[Argument] | None, Field(max_length=256)] = None
    """Arguments of the command."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=100, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        ),
    ] = []
    """Environment variables of a run."""
    resources: Resources | None = None
    """Compute resources of a run; the operator's default requests when absent."""
    service_account_name: ObjectName | None = None
    """Service account of a run; the namespace's default, without a token, when absent. Packages of other namespaces can be attached when it may get them."""  # noqa: E501
    run_as_user: Annotated[int | None, Field(ge=1, le=4294967294, json_schema_extra={"format": "int64"})] = None
    """Numeric user of a run, never root; 65532 when absent."""
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """How often a run that failed is repeated, with the same artifacts."""
    timeout_seconds: Annotated[int | None, Field(ge=1, le=2592000)] = None
    """Seconds after which an attempt of a run is stopped; never when absent."""


class FlowDeploymentSpec(FlowSource):
    """A flow that is deployed: its code, its packages, and when it runs."""

    schedule: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    """When it runs, in Cron syntax, e.g. "0 3 * * *"; only on request when absent."""
    time_zone: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    """Time zone of the schedule, e.g. "Europe/Berlin"; that of the cluster's controller manager when absent."""
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    """What happens to a scheduled run that is due while another one runs: Forbid skips it, Allow starts it, Replace ends the other one."""  # noqa: E501
    suspend: bool = False
    """True stops the schedule; what runs is finished, and runs can still be requested."""
    revision_history_limit: Annotated[int, Field(ge=0, le=20)] = 5
    """How many earlier revisions are kept for a rollback, with their artifacts."""
    run_history_limit: Annotated[int, Field(ge=0, le=100)] = 5
    """How many finished runs that succeeded, and how many that failed, are kept, with their logs."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete removes the flow's own code from S3 together with the deployment, Retain keeps it."""


SPEC_RULES = [
    {
        "rule": f"has(self.command) || self.flowName.matches(r'{MODULE_PATTERN}')",
        "message": "without spec.command a run starts `python -m <flowName>`, so flowName must be the name of a Python "
        'module, e.g. "daily_etl"; correct it or set spec.command',
    },
    {
        "rule": "!has(self.timeZone) || has(self.schedule)",
        "message": "spec.timeZone says nothing without spec.schedule; set the schedule or remove it",
    },
]

ROOT_RULE = cel(
    f"size(self.metadata.name) <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    f"the name of a FlowDeployment is a DNS label of at most {MAX_NAME_LENGTH} characters (a-z, 0-9, -), because its "
    "runs are named after it; choose a shorter or simpler one",
)
