"""Settings of servers with certificates that they make and rotate themselves, or that somebody else keeps."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field
from typing_extensions import override

from dagy.adapters.settings.environment import EnvironmentSettings, listed
from dagy.model import constants as names
from dagy_builder.trust import ADDED_NAME


class TlsSettings(EnvironmentSettings):
    """What API and webhook have in common."""

    api_namespace: str = "dagy-system"
    """Namespace of the Services of API and webhook, and of the objects with their certificates."""
    tls_days: Annotated[int, Field(ge=1, le=825)] = 90
    """How long a server certificate is valid; it is replaced when a third of that is left."""
    tls_directory: str = ""
    """Directory with tls.crt, tls.key and ca.crt that somebody else keeps up to date, such as cert-manager; the replicas then make none."""  # noqa: E501
    tls_check_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Interval at which certificates are looked at."""

    @property
    @abstractmethod
    def secret(self) -> str:
        """Name of the Secret in which the replicas keep what they make."""

    @property
    @abstractmethod
    def hosts(self) -> tuple[str, ...]:
        """Every name and address that the certificate is for; the Service's full name first."""

    def _service_hosts(self, name: str) -> tuple[str, ...]:
        namespace = self.api_namespace
        service = (f"{name}.{namespace}.svc", f"{name}.{namespace}", name, f"{name}.{namespace}.svc.cluster.local")
        return (*service, "localhost", "127.0.0.1")


class ApiTlsSettings(TlsSettings):
    """Certificates of the API."""

    api_service: str = "dagy-api"
    """The API's Service."""
    api_hosts: str = ""
    """Comma-separated names and addresses, beside the Service's, under which users reach the API."""
    api_public_url: Annotated[str, Field(pattern=r"^(https://[^\s@/]+(/[^\s@]*)?)?$")] = ""
    """URL at which users outside the cluster reach the API. The commands of whoever has a kubeconfig find it by themselves. Where its host is one of DAGY_API_HOSTS the API's own certificate must answer there (a LoadBalancer, a NodePort, an Ingress that passes TLS on); else a publicly trusted one of a proxy, through which no client certificates come."""  # noqa: E501
    tls_secret: str = "dagy-api-tls"  # noqa: S105 a name
    """Secret in which the replicas keep the certificates that they make and rotate themselves."""

    @property
    @override
    def secret(self) -> str:
        """As there."""
        return self.tls_secret

    @property
    @override
    def hosts(self) -> tuple[str, ...]:
        """As there."""
        return (*self._service_hosts(self.api_service), *listed(self.api_hosts))

    @property
    def address(self) -> dict[str, str | None]:
        """What users are told about where the API is."""
        url = self.api_public_url.rstrip("/") or None
        direct = url is not None and urlsplit(url).hostname in {host.lower() for host in self.hosts}
        return {names.API_URL_KEY: url if direct else None, names.API_PROXIED_URL_KEY: None if direct else url}


def added_authorities() -> str | None:
    """The authorities (PEM) that the administrator adds in ConfigMap dagy-ca-bundle, where there are any."""
    folder = os.environ.get("DAGY_CA_DIRECTORY")
    file = Path(folder, ADDED_NAME) if folder else None
    return file.read_text() if file and file.is_file() else None
