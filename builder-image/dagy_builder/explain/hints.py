"""Hints at better requirements: version ranges, near names, and names to leave out, which no index has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Fix
from dagy_builder.platforms import SINCE, STANDARD_LIBRARY
from dagy_builder.requirement import ParsedRequirement

ANOTHER_FILE = "Ask for another version, or have the file replaced in the index"
"""The hint for a file that is no good."""

ALLOW_SOURCES = (
    "set spec.sourceDistributions to Allow, which runs its build code (that is enough for pure Python; C, C++ and Rust "
    "need a builder image with a compiler)"
)
"""The hint for a release without wheels, and its cost."""

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

# What lists hold that nobody can install, because of where the list was made.
_OF_DEBIAN = (
    "Remove the line: `pip freeze` of Debian and Ubuntu writes it by mistake, pkg_resources is part of setuptools"
)
_OF_UBUNTU = (
    "Remove the line: it belongs to Ubuntu's own Python, where `pip freeze` lists the system's packages as well"
)
_OF_ANACONDA = "Remove the line: it belongs to Anaconda, and programs that run outside of it don't need it"
_OF_CONDA = "Remove the line: conda lists it as a package, and with pip it is no Python package"

# apt's packages that Ubuntu installs by itself, by the names in their metadata.
_UBUNTUS = """
    apturl brlapi cloud-init command-not-found cupshelpers defer distro-info language-selector louis python-apt
    python-debian screen-resolution-extra sos system-service ubuntu-advantage-tools ubuntu-dev-tools
    ubuntu-drivers-common ubuntu-pro-client ufw unattended-upgrades usb-creator xkit
"""
# Of the packages of an Anaconda installation those that manage it, or that only its builds of others use.
_ANACONDAS = """
    anaconda-anon-usage anaconda-catalogs anaconda-cli-base anaconda-client anaconda-cloud-auth anaconda-navigator
    anaconda-project clyent conda conda-build conda-content-trust conda-index conda-libmamba-solver conda-pack
    conda-package-handling conda-package-streaming conda-repo-cli conda-token conda-verify libmambapy menuinst mkl-fft
    mkl-random mkl-service navigator-updater ruamel-yaml-conda tbb
"""
_CONDAS = "python libgcc-ng libgcc-mutex openmp-mutex libstdcxx-ng ca-certificates openssl libffi"
_LEFTOVERS = {
    "pkg-resources": _OF_DEBIAN,
    **dict.fromkeys(_UBUNTUS.split(), _OF_UBUNTU),
    **dict.fromkeys(_ANACONDAS.split(), _OF_ANACONDA),
    **dict.fromkeys(_CONDAS.split(), _OF_CONDA),
}


def leftover_hint(name: str, python_version: str) -> str | None:
    """Return the hint for a name (normalized, PEP 503) that can't be installed; None when it is no known leftover."""
    module = name.replace("-", "_")
    if module in STANDARD_LIBRARY[python_version]:
        since = f" since {SINCE[module]}" if module in SINCE else ""
        return f"Remove the line: {module} is part of Python{since}"
    return _LEFTOVERS.get(name)


def near_names(name: str, others: Iterable[str]) -> list[str]:
    """Return the other names that look like a slip of the pen away; at most two."""
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


def in_minor_range(asked: ParsedRequirement, version_text: str | None, *, tried: bool) -> Fix | None:
    """Return the change of a requirement to the minor range of a version; its extras and its marker stay."""
    example = minor_range(asked.name, version_text)
    if example is None:
        return None
    return Fix(asked.text, _rewritten(asked, asked.name, example.removeprefix(asked.name)), version_text, tried)


def under_name(asked: ParsedRequirement, name: str) -> Fix:
    """Return the change of a requirement to another name, in any version: those of the two have nothing in common."""
    return Fix(asked.text, _rewritten(asked, name, ""))


def _rewritten(asked: ParsedRequirement, name: str, specifier: str) -> str:
    extras, marker = ",".join(sorted(asked.requirement.extras)), asked.requirement.marker
    return f"{name}{f'[{extras}]' if extras else ''}{specifier}{f'; {marker}' if marker else ''}"


def is_final(version_text: str | None) -> bool:
    """Return True when it is a version that may be proposed: nobody gets a pre-release who didn't ask for one."""
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
    """Return True when a version is older than each one that a specifier names as a lower bound or as the only one."""
    named = [
        Version(clause.version.removesuffix(".*")) for clause in specifier if clause.operator in ("==", ">=", "~=", ">")
    ]
    return bool(named) and Version(version_text) < min(named)


def distance(specifier: SpecifierSet, version_text: str) -> tuple[int, int]:
    """Return the distance of a version from those that a specifier names: in major and in minor versions."""
    version = Version(version_text)
    named = [Version(clause.version.removesuffix(".*")) for clause in specifier if clause.operator != "==="]
    return min(((abs(version.major - one.major), abs(version.minor - one.minor)) for one in named), default=(0, 0))
