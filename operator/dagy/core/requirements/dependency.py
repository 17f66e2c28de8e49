"""One dependency as a value: parsed from, and printed as, a PEP 508 requirement."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version
from typing_extensions import override

from dagy.core.requirements.admission import check_length, check_text
from dagy.core.requirements.direct_url import check_url
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.syntax_hints import syntax_error
from dagy.model.constants import MAX_REQUIREMENT_LENGTH


@dataclass(frozen=True)
class Dependency:
    """A PEP 508 requirement.

    Two are equal when they ask for the same: spelling of the name, order of extras and specifiers and trailing
    zeros of a version don't matter. `str()` is the canonical text; parsing it gives an equal value.
    """

    name: str = field(compare=False)
    """As it was written."""
    normalized_name: NormalizedName
    """PEP 503."""
    extras: tuple[NormalizedName, ...] = ()
    """Normalized (PEP 685), sorted, each once."""
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    url: str | None = None
    """Direct reference (https); then `specifier` is empty."""
    marker: Marker | None = None
    """Environment marker; `None` means everywhere."""

    @property
    def version_spec(self) -> str:
        """The canonical text of the specifiers, e.g. ">=2.31.0,<2.32.0"; empty means any version."""
        return text_of(self.specifier)

    def without_marker(self) -> Self:
        """Return the same dependency, wanted everywhere."""
        return replace(self, marker=None) if self.marker is not None else self

    @override
    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        if self.url is not None:
            # PEP 508 wants a space between a URL and ";", which may be part of a URL.
            marker = f" ; {self.marker}" if self.marker is not None else ""
            return f"{self.normalized_name}{extras} @ {self.url}{marker}"
        marker = f"; {self.marker}" if self.marker is not None else ""
        return f"{self.normalized_name}{extras}{self.version_spec}{marker}"


def parse_dependency(text: str) -> Dependency:
    """Parse one requirement (PEP 508), e.g. "uvicorn[standard]>=0.30".

    Raises RequirementError for any other text, and for options, paths, version control, URLs other than https or
    with credentials, "$", and more than 512 characters.
    """
    text = check_text(text)
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise syntax_error(text, error) from None
    url = check_url(parsed.url, parsed.name, text) if parsed.url is not None else None
    _check_versions(parsed.specifier, text)
    dependency = Dependency(
        name=parsed.name,
        normalized_name=canonicalize_name(parsed.name),
        extras=tuple(sorted({canonicalize_name(extra) for extra in parsed.extras})),
        specifier=canonical(parsed.specifier),
        url=url,
        marker=parsed.marker,
    )
    # Normalized versions can be longer than written ones ("1-1" is "1.post1"), at most three times as long.
    if 3 * len(text) > MAX_REQUIREMENT_LENGTH:
        check_length(str(dependency.without_marker()))
    return dependency


def _check_versions(specifier: SpecifierSet, text: str) -> None:
    if not specifier:
        return
    for one in specifier:
        if one.operator != "===":
            continue  # the grammar has checked the versions of all other operators
        try:
            Version(one.version)
        except InvalidVersion:
            raise RequirementError(
                ErrorCode.VERSION_MALFORMED,
                text,
                "The version is not one that Python packages have (PEP 440).",
                'Compare with a released version, e.g. "==1.4.2".',
                text.find("==="),
            ) from None
    if len(specifier) > 1 and specifier.is_unsatisfiable():
        raise RequirementError(
            ErrorCode.UNSATISFIABLE,
            text,
            f'No version can satisfy "{text_of(specifier)}".',
            "Widen the range, or keep one of the bounds.",
        )


# As people write them: from the lower bound to the upper one, then the exceptions.
_ORDER = {"===": 0, "==": 1, "~=": 2, ">=": 3, ">": 4, "<": 5, "<=": 6, "!=": 7}


def canonical(specifier: SpecifierSet) -> SpecifierSet:
    """Return the same set with normalized versions and without repetitions."""
    return SpecifierSet(text_of(specifier)) if specifier else specifier


def text_of(specifier: SpecifierSet) -> str:
    """Return the set as text, e.g. ">=2.31.0,<2.32.0": lower bound, upper bound, exclusions.

    Versions are normalized (PEP 440), but keep their number of parts. The versions of "===" must be versions, too.
    """
    return ",".join(text for *_, text in sorted({_sort_key(one) for one in specifier}))


def _sort_key(one: Specifier) -> tuple[int, Version, str]:
    wildcard = ".*" if one.version.endswith(".*") else ""
    version = Version(one.version.removesuffix(".*"))
    # "===" compares texts (PEP 440), so its text stays.
    text = str(one) if one.operator == "===" else f"{one.operator}{version}{wildcard}"
    return _ORDER[one.operator], version, text
