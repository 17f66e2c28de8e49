"""boto3's client of S3 as we use it: short time-outs, and no answer that is not whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def s3_client(endpoint: str | None = None) -> S3Client:
    """Short time-outs, one repetition; `endpoint` instead of the one that the environment names."""
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 2},
        signature_version="s3v4",
        # Stores other than AWS know neither CRC trailers nor their validation (SHA-256 is sent explicitly); and a
        # presigned URL that asks for a checksum could be used by boto3 alone.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=32,
    )
    session = boto3.session.Session()
    region = session.region_name or "us-east-1"
    client: S3Client = session.client("s3", config=config, region_name=region, endpoint_url=endpoint)
    client.meta.events.register("before-parse.s3", _check_whole)
    return client


def _check_whole(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse an answer with fewer bytes than it announced: botocore checks only objects' bytes as they are read.

    An empty list would be taken for a folder without objects.
    """
    body, announced = response_dict["body"], response_dict["headers"].get("Content-Length")
    if operation_model.http["method"] == "HEAD" or not announced or not isinstance(body, bytes):
        return
    if len(body) < int(announced):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(announced))
