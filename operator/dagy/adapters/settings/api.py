"""The API's settings, beside those that it shares with the operator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dagy.adapters.settings.environment import RunSettings
from dagy.core.common.keys import Location


class ApiSettings(RunSettings):
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
    log_level: str = "INFO"
    """Level of the API's log."""

    @property
    def location(self) -> Location:
        """Where objects lie."""
        return Location(self.s3_bucket, self.s3_prefix)
