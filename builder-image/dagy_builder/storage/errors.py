"""Meaning of S3's refusals: one sentence, one reason, one fault. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagy_builder.contract import Fault, Reason

# Whoever meets such an error has imported it; the API inside a command knows the sentences, and has no boto3.
if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_WHERE_SET = "the Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and DAGY_S3_BUCKET"
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidClientTokenId",
    "AuthorizationHeaderMalformed",
    "XAdminUserNotFound",  # versitygw's word for InvalidAccessKeyId
}
_TO_BE_CORRECTED = {Reason.STORAGE_ACCESS_DENIED, Reason.BUCKET_NOT_FOUND}
_DENIED = {"AccessDenied", "403", "AllAccessDisabled", "AccountProblem"}
_BUSY = {"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "ThrottlingException", "InternalError"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"}


class StorageError(Exception):
    """S3 refused or can't be reached. The message is a sentence that names the bucket and the next step."""

    def __init__(self, reason: Reason, message: str, fault: Fault | None = None) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message
        # Wrong credentials and a missing bucket stay wrong until somebody corrects them: no use in trying again.
        self.fault = fault or (Fault.ADMINISTRATOR if reason in _TO_BE_CORRECTED else Fault.INFRASTRUCTURE)


def classify(error: Exception, bucket: str, endpoint: str) -> StorageError:
    """Return the botocore error as a StorageError. `endpoint` is a URL or a name for AWS."""
    from botocore import exceptions as s3

    match error:
        case s3.ClientError():
            return _refusal(error, bucket, endpoint)
        case s3.NoCredentialsError() | s3.PartialCredentialsError():
            return StorageError(
                Reason.STORAGE_ACCESS_DENIED,
                f"There are no credentials for S3 at {endpoint}, so bucket {bucket} can't be used. "
                f"Set them in {_WHERE_SET}.",
            )
        case s3.SSLError():
            return StorageError(
                Reason.STORAGE_UNREACHABLE,
                f"The certificate of S3 at {endpoint} is not trusted. Put its authority into the CA bundle.",
            )
        case s3.IncompleteReadError() | s3.ResponseStreamingError():
            return StorageError(
                Reason.STORAGE_UNREACHABLE,
                f"S3 at {endpoint} hung up in the middle of an answer ({_cause(error)}). Check it, and what lies "
                "between, if this stays.",
            )
        case s3.ConnectionError() | s3.HTTPClientError():
            return StorageError(
                Reason.STORAGE_UNREACHABLE,
                f"S3 at {endpoint} does not answer ({_cause(error)}). Check that it runs and can be reached from here.",
            )
        case s3.BotoCoreError():
            return StorageError(Reason.UPLOAD_FAILED, f"S3 at {endpoint}, bucket {bucket}: {_cause(error)}.")
        case _:
            raise error


def _refusal(error: ClientError, bucket: str, endpoint: str) -> StorageError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return StorageError(
            Reason.BUCKET_NOT_FOUND,
            f"Bucket {bucket} does not exist at {endpoint}. Create it, or correct DAGY_S3_BUCKET in {_WHERE_SET}.",
        )
    if code in _BAD_CREDENTIALS:
        return StorageError(
            Reason.STORAGE_ACCESS_DENIED,
            f"S3 at {endpoint} refuses the credentials for bucket {bucket} ({code}). Correct them in {_WHERE_SET}.",
        )
    if code in _FULL:
        return StorageError(
            Reason.UPLOAD_FAILED, f"S3 at {endpoint} has no space left for bucket {bucket} ({code}). Make room there."
        )
    if code in _DENIED or status in (401, 403):
        return StorageError(
            Reason.STORAGE_ACCESS_DENIED,
            f"S3 at {endpoint} lets these credentials not do {error.operation_name} in bucket {bucket} ({code}). Give "
            "them the policy that docs/security.md has for their role.",
        )
    if code in _BUSY or status >= 500 or status == 429:
        return StorageError(
            Reason.STORAGE_UNREACHABLE,
            f"S3 at {endpoint} is not ready ({code or status}). Check it if this stays.",
        )
    said = error.response.get("Error", {}).get("Message", "no reason given").rstrip(".")
    return StorageError(
        Reason.UPLOAD_FAILED,
        f"S3 at {endpoint} refused {error.operation_name} in bucket {bucket}: {code}: {said[:300]}.",
    )


def _cause(error: BaseException) -> str:
    """Return the innermost reason in a few words, e.g. "connection refused"."""
    text = str(error)
    inner = getattr(error, "kwargs", {}).get("error")
    if inner is not None:
        text = str(inner)
    for known in ("Connection refused", "timed out", "Name or service not known", "reset by peer", "unreachable"):
        if known.lower() in text.lower():
            return known[0].lower() + known[1:]
    return re.sub(r"<[^<>]*>:?\s*", "", text).rstrip(".")[:200]
