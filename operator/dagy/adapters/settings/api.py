"""The API's settings, beside those that it shares with the operator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dagy.adapters.settings.environment import ProcessSettings, RunSettings
from dagy.core.common.keys import Location
from dagy_builder.contract import PYPI
from dagy_builder.redact import redact


class ApiSettings(ProcessSettings, RunSettings):
    """Settings of `python -m dagy.web`."""

    s3_bucket: str = ""
    """Bucket for artifacts, locks, logs and uploads: the operator's. Without it the API serves all that needs no S3."""
    s3_prefix: str = ""
    """Key prefix inside the bucket: the operator's."""
    s3_public_url: str = ""
    """Endpoint of S3 as users outside the cluster reach it, for the URLs that they get; AWS_ENDPOINT_URL when empty."""
    build_namespace: str = "dagy-builds"
    """Namespace of all validation and build Jobs: the operator's."""
    api_host: str = "0.0.0.0"  # noqa: S104 a pod's own address
    """Address to listen on."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8443
    """Port to listen on."""
    api_download_seconds: Annotated[int, Field(ge=60, le=43200)] = 900
    """How long a URL for a download works."""
    api_upload_seconds: Annotated[int, Field(ge=60, le=43200)] = 3600
    """How long the URLs for the parts of an upload work."""
    api_upload_part_bytes: Annotated[int, Field(ge=5 << 20, le=1 << 30)] = 16 << 20
    """Size of the parts of an upload whose client names none; raised where a file would have more than 10,000."""
    api_upload_max_bytes: Annotated[int, Field(ge=1 << 20)] = 2 << 30
    """Size of the largest flow artifact."""
    search: bool = True
    """Whether users may search the package index through the API, which asks it when somebody searches, not before."""
    index_url: str = ""
    """The package index that is searched: the operator's; PyPI when empty. No other is ever asked."""
    index_credentials: str = ""
    """Folder with credentials for that index: in each subfolder the keys of a Secret as in docs/indexes.md."""
    popular_names: str = ""
    """File with names of popular packages, one a line, the most popular first, which a search puts before others."""
    http_proxy: str = ""
    """Proxy on the way to that index for http: the operator's."""
    https_proxy: str = ""
    """The same for https."""
    no_proxy: str = ""
    """Comma-separated hosts and domains that are reached without a proxy."""
    log_level: str = "INFO"
    """Level of the API's log."""

    @property
    def location(self) -> Location:
        """Where objects lie."""
        return Location(self.s3_bucket, self.s3_prefix)

    @property
    def index_shown(self) -> str:
        """URL of the index as users may see it. One with a password in it is not used; neither is it told."""
        return redact(self.index_url) or PYPI
