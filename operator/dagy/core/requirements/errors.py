"""The one error of this package, and the list of its causes."""

from __future__ import annotations

from enum import StrEnum

from typing_extensions import override

from dagy_builder.redact import redact_requirement


class ErrorCode(StrEnum):
    """The reason that a text is no requirement that this product installs. Stable: scripts may compare it."""

    EMPTY = "Empty"
    FOREIGN_FILE = "ForeignFile"
    TOO_LONG = "TooLong"
    CONTROL_CHARACTER = "ControlCharacter"
    NOT_ASCII = "NotAscii"
    BACKSLASH = "Backslash"
    VARIABLE = "Variable"
    OPTION = "Option"
    COMMENT = "Comment"
    LOCAL_PATH = "LocalPath"
    VERSION_CONTROL = "VersionControl"
    URL_WITHOUT_NAME = "UrlWithoutName"
    URL_SCHEME = "UrlScheme"
    URL_CREDENTIALS = "UrlCredentials"
    URL_QUERY = "UrlQuery"
    URL_MALFORMED = "UrlMalformed"
    URL_NOT_A_PACKAGE = "UrlNotAPackage"
    URL_OF_OTHER_PACKAGE = "UrlOfOtherPackage"
    NAME_MALFORMED = "NameMalformed"
    VERSION_MALFORMED = "VersionMalformed"
    SYNTAX = "Syntax"
    UNSATISFIABLE = "Unsatisfiable"
    MARKER_UNDEFINED = "MarkerUndefined"
    MARKER_TOO_DEEP = "MarkerTooDeep"


class RequirementError(ValueError):
    """A text that isn't a requirement, or one that is refused.

    `message` names the fault, `hint` the next step; both are whole sentences and free of credentials, as are `text`
    (the text that was read) and `str()`. `position` is the 0-based column in `text` that is at fault, when there is
    one.
    """

    def __init__(self, code: ErrorCode, text: str, message: str, hint: str, position: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.text = redact_requirement(text)
        if position is not None and self.text != text:
            position = min(position, _common_prefix(text, self.text))
        self.position = position

    @property
    def excerpt(self) -> str:
        """The text, and below it a caret at the position; without a position the text alone."""
        if self.position is None:
            return self.text
        return f"{self.text}\n{' ' * self.position}^"

    @override
    def __str__(self) -> str:
        indented = "\n".join(f"    {line}" for line in self.excerpt.splitlines())
        return f"{self.message}\n{indented}\n{self.hint}"


def _common_prefix(one: str, other: str) -> int:
    """Number of leading characters that both texts share."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
