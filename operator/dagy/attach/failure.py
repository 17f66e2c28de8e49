"""Errors in the init container: for good, or only for now."""

from __future__ import annotations


class AttachError(Exception):
    """It can't be done, and trying again won't help; the text is a sentence that says what to do."""

    exit_code = 65  # EX_DATAERR


class UnavailableError(AttachError):
    """Something doesn't answer; worth another try."""

    exit_code = 75  # EX_TEMPFAIL
