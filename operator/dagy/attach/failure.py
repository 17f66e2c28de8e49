"""Errors in the init container: for good, or only for now."""

from __future__ import annotations


class AttachError(Exception):
    """A failure that another try won't mend; the text is a sentence with the next step."""

    exit_code = 65  # EX_DATAERR


class UnavailableError(AttachError):
    """A failure of something that doesn't answer; worth another try."""

    exit_code = 75  # EX_TEMPFAIL
