"""What a registry refuses or fails to do, in words for the one who has to mend it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dagy_builder.contract import Reason
from dagy_builder.redact import one_line, redact

_MOST_WORDS = 300
_MOST_ERRORS = 3
# What says more than a status does (OCI Distribution Specification, "Error Codes", and words that others add).
_DENIED = frozenset({"UNAUTHORIZED", "DENIED"})
_QUOTA_WORDS = ("quota", "storage limit", "insufficient storage", "too many repositories", "limit exceeded")
_IMMUTABLE_WORDS = ("immutable",)


class RegistryError(Exception):
    """A registry did not do what it was asked for; `message` is a sentence or two, with what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class TransientError(Exception):
    """A request failed as one that may do another time; the message names the cause, as a part of a sentence."""


@dataclass(frozen=True)
class Answer:
    """A registry's answer, as far as it was read."""

    status: int
    body: bytes = b""

    @property
    def is_transient(self) -> bool:
        """True when the same request may do another time."""
        return self.status in (408, 425, 429) or (self.status >= 500 and self.status != 507)


def refusal(what: str, where: str, answer: Answer) -> RegistryError:
    """Return the error for a request that was refused: `what` was asked ("push a layer"), of the repository `where`."""
    codes, words = _told(answer.body)
    said = f"it answers {answer.status}" + (f", {words}" if words else "")
    lowered = words.lower()
    if any(word in lowered for word in _QUOTA_WORDS) or answer.status in (413, 507):
        advice = "Make room there or raise its quota, then request a build."
        return RegistryError(Reason.REGISTRY_REFUSED, f"The registry has no room to {what} {where}: {said}. {advice}")
    if any(word in lowered for word in _IMMUTABLE_WORDS):
        advice = "Delete that tag, or allow tags of this repository to change, then request a build."
        return RegistryError(
            Reason.REGISTRY_REFUSED, f"The registry lets no tag change, so it does not {what} {where}: {said}. {advice}"
        )
    if answer.status in (401, 403) or codes & _DENIED:
        advice = (
            "Let the administrator correct the Secret that DAGY_OCI_SECRET names (its user needs the right to push "
            "there), then request a build."
        )
        return RegistryError(
            Reason.REGISTRY_ACCESS_DENIED, f"The registry does not let us {what} {where}: {said}. {advice}"
        )
    if answer.status == 404:
        advice = "Some registries want a repository to be created first. Create it, then request a build."
        return RegistryError(Reason.REGISTRY_REFUSED, f"The registry knows no {where} to {what}: {said}. {advice}")
    return RegistryError(
        Reason.REGISTRY_REFUSED,
        f"The registry refuses to {what} {where}: {said}. Do what it says, then request a build.",
    )


def unreachable(what: str, where: str, cause: str, seconds: float) -> RegistryError:
    """Return the error for a registry that did not answer well for so long."""
    return RegistryError(
        Reason.REGISTRY_UNREACHABLE,
        f"The registry could not be used to {what} {where} for {seconds:.0f} seconds: {cause}. Check that it runs and "
        "that the builds' pods reach it, then request a build.",
    )


def _told(body: bytes) -> tuple[set[str], str]:
    """Return the codes and the words of an error's body, which are a stranger's."""
    try:
        listed = json.loads(body)["errors"][:_MOST_ERRORS]
        told = [(str(one.get("code", "")), str(one.get("message", "")), one.get("detail")) for one in listed]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return set(), ""
    words = "; ".join(
        ": ".join(part for part in (code, message, detail if isinstance(detail, str) else "") if part)
        for code, message, detail in told
    )
    return {code.upper() for code, _, _ in told}, redact(one_line(words, _MOST_WORDS)).rstrip(".")
