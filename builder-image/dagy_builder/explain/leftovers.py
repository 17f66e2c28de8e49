"""Lines of lists that nobody can install, because of where the list was made: what to do is to remove them. Pure."""

from __future__ import annotations

from dagy_builder.archive.standard_library import SINCE, STANDARD_LIBRARY

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
    """What to do about a name (normalized, PEP 503) that can't be installed; None when it is no known leftover."""
    module = name.replace("-", "_")
    if module in STANDARD_LIBRARY[python_version]:
        since = f" since {SINCE[module]}" if module in SINCE else ""
        return f"Remove the line: {module} is part of Python{since}"
    return _LEFTOVERS.get(name)
