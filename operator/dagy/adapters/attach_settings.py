"""Settings of the webhook and its certificates, beside those of the API in whose process it runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dagy.adapters.settings import EnvironmentSettings
from dagy.core.attach_pod import InitContainer


class AttachSettings(EnvironmentSettings):
    """What pods get that packages are attached to, and by which certificates the API server and pods know the API."""

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
    api_namespace: str = "dagy-system"
    """Namespace of the API's Service and of the Secret with its certificates."""
    api_service: str = "dagy-api"
    """The API's Service."""
    api_hosts: str = ""
    """Comma-separated names and addresses, beside the Service's, under which users reach the API."""
    tls_secret: str = "dagy-api-tls"  # noqa: S105 a name
    """Secret in which the replicas keep the certificates that they make and rotate themselves."""
    tls_days: Annotated[int, Field(ge=1, le=825)] = 90
    """How long a server certificate is valid; it is replaced when a third of that is left."""
    tls_directory: str = ""
    """Directory with tls.crt, tls.key and ca.crt that somebody else keeps up to date, such as cert-manager; the replicas then make none, and leave the webhook's caBundle alone."""  # noqa: E501
    tls_check_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Interval at which certificates are looked at."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name and address that the certificate is for; the Service's full name first."""
        name, namespace = self.api_service, self.api_namespace
        service = (f"{name}.{namespace}.svc", f"{name}.{namespace}", name, f"{name}.{namespace}.svc.cluster.local")
        more = (host.strip() for host in self.api_hosts.split(","))
        return (*service, "localhost", "127.0.0.1", *(host for host in more if host))

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
