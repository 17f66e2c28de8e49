"""What a package index has, as rows of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagy.model.rest.index import (
    IndexHit,
    IndexMatch,
    IndexProject,
    IndexRelease,
    IndexSearch,
    IndexState,
    ReleaseFit,
)
from dagy_builder.platforms import MACHINES
from dagy_builder.sizes import human_size

HIT_HEADINGS = ("NAME", "USED HERE", "POPULAR", "WHY")
RELEASE_HEADINGS = ("VERSION", "FITS", "UPLOADED", "SIZE", "PYTHON", "NOTE")

_WHY = {
    IndexMatch.EXACT: "the very name",
    IndexMatch.ALIAS: "publishes the module {alias}",
    IndexMatch.PREFIX: "begins so",
    IndexMatch.WORD: "a word of it begins so",
    IndexMatch.INSIDE: "has it inside",
    IndexMatch.TYPO: "one letter is different",
}
_STATES = {
    IndexState.REFRESHING: "The names of the index are being loaded. Search again in a moment.",
    IndexState.EXACT_ONLY: "The index gives no list of its names: only the very name that you type is found.",
    IndexState.OFFLINE: "The index does not answer: these are names that packages use.",
    IndexState.OFF: "The administrator has switched the search off: these are names that packages use.",
}
_FITS = {
    ReleaseFit.WHEEL: "yes",
    ReleaseFit.ONLY_SDIST: "source only",
    ReleaseFit.OTHER_PYTHON: "other Python",
    ReleaseFit.NO_WHEEL: "other platform",
}


def hit_row(hit: IndexHit, _now: datetime) -> tuple[str, ...]:
    """The cells of one name."""
    why = _WHY[hit.match].format(alias=hit.alias)
    return hit.name, "yes" if hit.used_here else "-", "yes" if hit.popular else "-", why


def search_notes(found: IndexSearch) -> Iterator[str]:
    """What should be known of an answer beside its names."""
    if found.state in _STATES:
        yield _STATES[found.state]
    if found.message:
        yield found.message


def project_fields(project: IndexProject) -> Iterator[tuple[str, str | None]]:
    """What is said of the project as a whole: names and values."""
    yield "Project", project.name
    yield "Status", project.status if project.status != "active" else None
    target = f"Python {project.python_version} on {MACHINES[project.architecture]} Linux with glibc {project.glibc}"
    yield "For", target
    yield "Newest", project.newest
    yield "Newest that fits", project.newest_fitting or "none"
    yield "Not listed", f"{project.left_out} older releases" if project.left_out else None


def release_row(release: IndexRelease, _now: datetime) -> tuple[str, ...]:
    """The cells of one release."""
    withdrawn = f"withdrawn: {release.yanked_reason}" if release.yanked_reason else "withdrawn"
    return (
        release.version,
        _FITS[release.fits],
        (release.uploaded or "-")[:10],
        human_size(release.size) if release.size is not None else "-",
        release.requires_python or "-",
        withdrawn if release.yanked else "",
    )
