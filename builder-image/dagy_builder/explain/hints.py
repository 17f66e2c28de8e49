"""What to write instead: version ranges and near names. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

ANOTHER_FILE = "Ask for another version, or have the file replaced in the index"
"""What to do about a file that is no good."""

ALLOW_SOURCES = (
    "set spec.sourceDistributions to Allow, which runs its build code (that is enough for pure Python; C, C++ and Rust "
    "need a builder image with a compiler)"
)
"""What to do about a release without wheels, and what it costs."""

# Under which names the authors of a package publish the same, or what takes its place, with wheels: from the
# installation pages of Psycopg, uWSGI and PyCryptodome.
WHEELS_OF = {
    "psycopg2": "psycopg2-binary",
    "psycopg-c": "psycopg-binary",
    "uwsgi": "pyuwsgi",
    "pycrypto": "pycryptodome",
}

# Names under which modules are imported, and those under which they are published: from the installation pages of
# scikit-learn, OpenCV, Pillow, Beautiful Soup, PyYAML, python-dateutil, pyserial, python-dotenv and scikit-image.
PUBLISHED_AS = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python-headless",
    "pil": "pillow",
    "bs4": "beautifulsoup4",
    "yaml": "pyyaml",
    "dateutil": "python-dateutil",
    "serial": "pyserial",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
}


def near_names(name: str, others: Iterable[str]) -> list[str]:
    """The other names that look like a slip of the pen away; at most two."""
    return get_close_matches(name, [other for other in others if other != name], n=2, cutoff=0.8)


def minor_range(name: str, version_text: str | None) -> str | None:
    """ "pandas>=3.1,<3.2" for 3.1.4, the range that the guide recommends."""
    try:
        version = Version(version_text or "")
    except InvalidVersion:
        return None
    epoch = f"{version.epoch}!" if version.epoch else ""
    if version.is_prerelease:
        return f"{name}=={version}"
    return f"{name}>={epoch}{version.major}.{version.minor},<{epoch}{version.major}.{version.minor + 1}"


def is_final(version_text: str | None) -> bool:
    """Whether it is a version that may be proposed: nobody gets a pre-release who didn't ask for one."""
    try:
        return not Version(version_text or "").is_prerelease
    except InvalidVersion:
        return False


def range_hint(name: str, newest: str | None) -> str | None:
    """ "Ask for one of 3.1.*, for example pandas>=3.1,<3.2"; None when there is no release that may be proposed."""
    example = minor_range(name, newest)
    if example is None or not is_final(newest):
        return None
    return f"Ask for one of {example.rpartition('>=')[2].partition(',')[0]}.*, for example {example}"


def is_downgrade(specifier: SpecifierSet, version_text: str) -> bool:
    """Whether a version is older than each one that a specifier names as a lower bound or as the only one."""
    named = [
        Version(clause.version.removesuffix(".*")) for clause in specifier if clause.operator in ("==", ">=", "~=", ">")
    ]
    return bool(named) and Version(version_text) < min(named)


def distance(specifier: SpecifierSet, version_text: str) -> tuple[int, int]:
    """How far a version is from those that a specifier names: in major and in minor versions."""
    version = Version(version_text)
    named = [Version(clause.version.removesuffix(".*")) for clause in specifier if clause.operator != "==="]
    return min(((abs(version.major - one.major), abs(version.minor - one.minor)) for one in named), default=(0, 0))
