"""The operator's settings: one table, from which docs/settings.md is generated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from dagy.adapters.settings.environment import ProcessSettings, RunSettings, listed
from dagy.adapters.settings.pods import BuildPodSettings
from dagy.adapters.settings.registry import Repository
from dagy.core.common.keys import Location
from dagy.core.flows.plan import FlowSettings
from dagy.core.jobs import kueue
from dagy.core.jobs.build_pods import RegistrySettings, S3Settings
from dagy.core.jobs.index_hosts import HostRules
from dagy.core.jobs.index_pod import IndexSettings
from dagy.core.jobs.manifests import JobSettings
from dagy.core.package.queue import Limits, limits_of
from dagy.model.status import JobKind

_NO_CREDENTIALS = "^[^@]*$"


class Settings(ProcessSettings, RunSettings, BuildPodSettings):
    """Settings of the operator."""

    s3_bucket: Annotated[str, Field(min_length=3)]
    """Bucket for artifacts, locks and logs. Required. The endpoint and the credentials come from the AWS variables (AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ...) or from the pod's identity."""  # noqa: E501
    s3_prefix: str = ""
    """Key prefix inside the bucket, without slashes at the ends; several clusters can share a bucket."""
    s3_secret: str = "dagy-s3"  # noqa: S105 a Secret's name
    """Secret in the build namespace whose keys become the environment of the upload container."""
    s3_credentials_secret: str = "dagy-s3-builds"  # noqa: S105 a Secret's name
    """Secret in the build namespace with the key `credentials`, a file of AWS credentials that only the upload container sees; it may be absent. Keys in DAGY_S3_SECRET go before it."""  # noqa: E501
    oci_repository: Repository = ""
    """Registry and path below which artifacts are pushed as OCI images, HOST[:PORT]/PATH: each package has the repository PATH/NAMESPACE/SLUG there, the slug in small letters. No images when empty."""  # noqa: E501
    oci_secret: str = "dagy-oci"  # noqa: S105 a Secret's name
    """Secret in the build namespace (kubernetes.io/dockerconfigjson) that only the upload container sees, with the right to push below DAGY_OCI_REPOSITORY; it may be absent."""  # noqa: E501
    oci_plain_http: bool = False
    """Whether that registry is spoken to without TLS, e.g. one inside the cluster."""
    oci_delete_config: str = "/oci/config.json"
    """Docker config with the right to delete below DAGY_OCI_REPOSITORY, out of the Secret `dagy-oci-operator` of the operator's own namespace. Where there is none, images of deleted artifacts stay until the registry's own rules remove them."""  # noqa: E501
    build_namespace: str = "dagy-builds"
    """Namespace of all validation and build Jobs."""
    builder_image: Annotated[str, Field(min_length=1)]
    """Image of the Jobs, with uv and CPython 3.10 to 3.13. Required."""
    builder_pull_policy: str = "IfNotPresent"
    """imagePullPolicy of the Jobs."""
    builder_service_account: str = "dagy-builder"
    """Service account of the Jobs, in the build namespace. It needs no rights in the cluster; with a cloud's workload identity it is what may write to the bucket."""  # noqa: E501
    ca_config_map: str = "dagy-ca-bundle"
    """ConfigMap in the build namespace with certificate authorities to trust, under the key ca-certificates.crt; it may be absent."""  # noqa: E501
    index_url: Annotated[str, Field(pattern=_NO_CREDENTIALS)] = ""
    """Package index of packages that name none in spec.index.url, e.g. a mirror of PyPI; PyPI when empty."""
    allowed_hosts: str = ""
    """Comma-separated hosts that packages may name in spec.index and after "name @"; ".example.com" stands for all names below it, and empty for any host. DAGY_INDEX_URL needs no mention."""  # noqa: E501
    allow_http_indexes: bool = False
    """Whether packages may name indexes without TLS (http://), e.g. ones inside the cluster."""
    index_secrets: str = ""
    """Comma-separated Secrets of the build namespace with index credentials for all packages, as docs/indexes.md describes them."""  # noqa: E501
    http_proxy: Annotated[str, Field(pattern=_NO_CREDENTIALS)] = ""
    """Proxy of the Jobs for http: to package indexes, not to S3. A URL without credentials."""
    https_proxy: Annotated[str, Field(pattern=_NO_CREDENTIALS)] = ""
    """The same for https."""
    no_proxy: str = ""
    """Comma-separated hosts and domains to which the Jobs go without a proxy."""
    proxy_secret: str = ""
    """Secret of the build namespace with the keys HTTP_PROXY, HTTPS_PROXY and NO_PROXY, for proxies that need credentials."""  # noqa: E501
    watch_namespaces: str = ""
    """Comma-separated namespaces to serve; all when empty."""
    watch_namespace_selector: str = ""
    """In the place of such a list: a label selector of the namespaces to serve, such as `dagy.io/shard=a`, which are followed as labels change."""  # noqa: E501
    max_builds: Annotated[int, Field(ge=1)] = 4
    """Build Jobs that run at the same time."""
    max_builds_per_namespace: Annotated[int, Field(ge=0)] = 0
    """Build Jobs that run at the same time for packages of one namespace; half of all, at least one, when 0."""
    max_validations: Annotated[int, Field(ge=1)] = 4
    """Validation Jobs that run at the same time."""
    max_validations_per_namespace: Annotated[int, Field(ge=0)] = 0
    """The same as for builds."""
    slugs_per_namespace: Annotated[int, Field(ge=1)] = 10_000
    """Slugs that the packages of one namespace may ever use: their claims are kept when packages are deleted."""
    start_minutes: Annotated[int, Field(ge=1, le=120)] = 5
    """Minutes until the first container of a Job's pod must run, counted from the Job's start; then the Job ends and its slot is free."""  # noqa: E501
    max_cpu: str = "16"
    """What a package may ask for at most in spec.build.resources, for each container; no bound when empty."""
    max_memory: str = "64Gi"
    """The same for memory."""
    max_disk: str = "200Gi"
    """The same for ephemeral-storage."""
    work_size: str = "10Gi"
    """Size limit of each scratch volume of a Job."""
    cpu_request: str = "100m"
    """CPU request of each container of a Job."""
    cpu_limit: str = ""
    """CPU limit of each container of a Job; none when empty."""
    memory_request: str = "128Mi"
    """Memory request of each container of a Job."""
    memory_limit: str = "2Gi"
    """Memory limit of each container of a Job."""
    flow_image: str = "docker.io/library/python:{python}-slim"
    """Image of runs whose FlowDeployment names none; `{python}` stands for its Python version."""
    cache_claim: str = ""
    """PersistentVolumeClaim in the build namespace with a wheel cache that builds share, so that no wheel is downloaded, compiled or compressed twice; none when empty. With more than one node it must be ReadWriteMany. Builds that may run package code, or that use credentials of an index, never see it."""  # noqa: E501
    source_build_cpu_limit: str = "2"
    """CPU limit of a container that runs the code of source distributions, where neither DAGY_CPU_LIMIT nor the package sets one."""  # noqa: E501
    source_build_disk_limit: str = "20Gi"
    """Limit of such a container's ephemeral-storage, where the package sets none."""
    network_policy_required: bool = True
    """Whether the code of source distributions runs only in a pod that a NetworkPolicy keeps from the Kubernetes API; where none does, the build fails with NotIsolated."""  # noqa: E501
    queue_name: Annotated[str, Field(pattern=kueue.QUEUE_PATTERN, max_length=80)] = ""
    """Kueue LocalQueue of the build namespace for the Jobs; `{namespace}` in it stands for the package's namespace."""
    resync_seconds: Annotated[int, Field(ge=10)] = 30
    """Seconds between two looks at all packages and flows, whatever events came. More where a look at all takes more than a hundredth of that of a core's time, up to 600."""  # noqa: E501
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Packages that are reconciled at the same time."""
    health_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of /healthz and /readyz."""
    log_level: str = "INFO"
    """Level of the operator's log."""

    @field_validator("watch_namespace_selector")
    @classmethod
    def _is_alone(cls, selector: str, info: ValidationInfo) -> str:
        if selector and info.data.get("watch_namespaces"):
            raise ValueError("DAGY_WATCH_NAMESPACES is set as well")
        return selector

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces to serve; empty for all, and where a selector finds them."""
        return listed(self.watch_namespaces)

    @property
    def location(self) -> Location:
        """Where objects lie."""
        return Location(self.s3_bucket, self.s3_prefix, self.oci_repository)

    def limits(self) -> dict[JobKind, Limits]:
        """How many Jobs of each kind may run."""
        return {
            JobKind.VALIDATE: limits_of(self.max_validations, self.max_validations_per_namespace),
            JobKind.BUILD: limits_of(self.max_builds, self.max_builds_per_namespace),
        }

    def flow_settings(self) -> FlowSettings:
        """What runs need of the settings."""
        return FlowSettings(self.flow_image, self.flow_requests())

    def job_settings(self) -> JobSettings:
        """What the Jobs' manifests need of the settings."""
        limits = {"memory": self.memory_limit, "cpu": self.cpu_limit}
        maxima = {"cpu": self.max_cpu, "memory": self.max_memory, "ephemeral-storage": self.max_disk}
        return JobSettings(
            namespace=self.build_namespace,
            image=self.builder_image,
            pull_policy=self.builder_pull_policy,
            service_account=self.builder_service_account,
            s3=S3Settings(self.s3_secret, self.s3_credentials_secret),
            ca_config_map=self.ca_config_map,
            work_size=self.work_size,
            resources={
                "requests": {"cpu": self.cpu_request, "memory": self.memory_request},
                "limits": {k: v for k, v in limits.items() if v},
            },
            source_build_limits={"cpu": self.source_build_cpu_limit, "ephemeral-storage": self.source_build_disk_limit},
            isolated=self.network_policy_required,
            queue_name=self.queue_name,
            cache_claim=self.cache_claim,
            index=self.index_settings(),
            registry=RegistrySettings(self.oci_repository, self.oci_secret, self.oci_plain_http),
            pods=self.build_pods(),
            start_seconds=60 * self.start_minutes,
            maxima={name: most for name, most in maxima.items() if most},
        )

    def index_settings(self) -> IndexSettings:
        """What leads to package indexes."""
        proxies = {"HTTP_PROXY": self.http_proxy, "HTTPS_PROXY": self.https_proxy, "NO_PROXY": self.no_proxy}
        hosts = HostRules(listed(self.allowed_hosts), self.allow_http_indexes)
        return IndexSettings(self.index_url, listed(self.index_secrets), proxies, self.proxy_secret, hosts)
