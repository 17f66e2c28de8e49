"""Settings of the webhook (`python -m dagy.web.attach.webhook`)."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Annotated

from pydantic import Field, field_validator
from typing_extensions import override

from dagy.adapters.settings.environment import ProcessSettings, listed
from dagy.adapters.settings.registry import Repository
from dagy.adapters.settings.tls import TlsSettings
from dagy.core.attach.init_container import InitContainer
from dagy.core.attach.request import AttachMode
from dagy.core.attach.ways import ImageVolumes
from dagy.core.common.keys import Location


class AttachSettings(ProcessSettings, TlsSettings):
    """What pods get that packages are attached to, and how the API server reaches and knows the webhook."""

    s3_bucket: str = ""
    """Bucket with the packages' lists of files: the operator's."""
    s3_prefix: str = ""
    """Key prefix inside the bucket: the operator's."""
    oci_repository: Repository = ""
    """Registry and path below which the operator pushes artifacts as images: the operator's. Packages are mounted as image volumes from there, and from nowhere else; by the init container when empty."""  # noqa: E501
    attach_mode: AttachMode = AttachMode.AUTO
    """Auto: packages come as image volumes where artifact, API server and all nodes can, by the init container else. ImageVolume: as image volumes, or the pod is refused. InitContainer: by the init container. A pod's annotation dagy.io/attach-mode goes before it."""  # noqa: E501
    attach_pull_secret: Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")] = ""
    """Secret with which the kubelet pulls packages' images: each namespace has its own, and only pods that name it among their imagePullSecrets, by their service account, get image volumes. Empty where the nodes' own credentials do, or none are needed."""  # noqa: E501
    attach_node_selector: str = ""
    """Labels of the nodes that packages may run on (`pool=flows,!virtual`): only these are asked whether they can mount images. All when empty."""  # noqa: E501
    attach_image: str = "docker.io/dagy/operator:0.1.0"
    """Image of the init container that brings packages into pods: the control plane's own, as the nodes pull it."""
    attach_pull_policy: str = "IfNotPresent"
    """imagePullPolicy of that init container."""
    attach_api_url: str = "https://dagy-api.dagy-system.svc"
    """Where pods reach the API."""
    attach_cpu_request: str = "100m"
    """CPU request of the init container."""
    attach_cpu_limit: str = "2"
    """CPU limit of the init container, used where the pod's own containers have one."""
    attach_memory_request: str = "64Mi"
    """Memory request of the init container."""
    attach_memory_limit: str = "512Mi"
    """Memory limit of the init container."""
    webhook_service: str = "dagy-webhook"
    """The webhook's Service."""
    webhook_tls_secret: str = "dagy-webhook-tls"  # noqa: S105 a name
    """Secret in which the replicas keep the certificates that they make and rotate themselves."""
    webhook_host: str = "0.0.0.0"  # noqa: S104 a pod's own address
    """Address to listen on."""
    webhook_port: Annotated[int, Field(ge=1, le=65535)] = 9443
    """Port for the API server."""
    webhook_health_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of /healthz and /readyz, without TLS."""
    webhook_clients: str = ""
    """Comma-separated networks (CIDR) from which the API server's requests come; all others are refused. Any when empty: then whoever asks gets no reasons, see docs/security.md."""  # noqa: E501
    webhook_client_ca: str = ""
    """File with the authorities (PEM) of the API server's client certificate, where its AdmissionConfiguration names one; nobody else then gets past the handshake."""  # noqa: E501
    webhook_client_names: str = ""
    """Comma-separated common names that this certificate may have; any when empty."""
    log_level: str = "INFO"
    """Level of the webhook's log."""

    @field_validator("webhook_clients")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in listed(value):
            ipaddress.ip_network(part)
        return value

    @property
    @override
    def secret(self) -> str:
        """Name of the Secret with the certificates."""
        return self.webhook_tls_secret

    @property
    @override
    def hosts(self) -> tuple[str, ...]:
        """Every name and address that the certificate is for; the Service's full name first."""
        return self._service_hosts(self.webhook_service)

    @cached_property
    def clients(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Networks of the API server; empty when nothing is known of it."""
        return tuple(ipaddress.ip_network(part) for part in listed(self.webhook_clients))

    @property
    def client_names(self) -> tuple[str, ...]:
        """Common names of the API server's certificate; empty for any."""
        return listed(self.webhook_client_names)

    @property
    def location(self) -> Location:
        """Where objects lie."""
        return Location(self.s3_bucket, self.s3_prefix, self.oci_repository)

    @property
    def image_volumes(self) -> ImageVolumes:
        """What is decided about image volumes for every pod."""
        return ImageVolumes(self.attach_mode, self.attach_pull_secret)

    def init_container(self, authority: str) -> InitContainer:
        """What every init container has in common. `authority`: PEM certificates by which pods know the API."""
        return InitContainer(
            image=self.attach_image,
            pull_policy=self.attach_pull_policy,
            api_url=self.attach_api_url,
            authority=authority,
            cpu_request=self.attach_cpu_request,
            cpu_limit=self.attach_cpu_limit,
            memory_request=self.attach_memory_request,
            memory_limit=self.attach_memory_limit,
        )
