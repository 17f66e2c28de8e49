"""The tags of wheels (PEP 425, 600, 656) in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from packaging.tags import Tag

_CPYTHON = re.compile(r"(?:cp|py)(\d)(\d+)")
_OTHER = {"pp": "PyPy", "graalpy": "GraalPy", "jy": "Jython", "ip": "IronPython"}
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_MUSL = re.compile(r"musllinux_(\d+)_(\d+)_(\w+)")
_ALIASES = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}
_WINDOWS = {"win32": "Windows (32 bits)", "win_amd64": "Windows", "win_arm64": "Windows on ARM"}
_MAC_CPUS = {"arm64": "arm64", "x86_64": "x86_64", "universal2": "arm64 and x86_64", "intel": "x86_64"}


def pythons_of(tags: Iterable[Tag]) -> str:
    """The Python versions that wheels with these tags are for, e.g. "Python 3.7 to 3.10"."""
    minors: set[tuple[int, int]] = set()
    others: set[str] = set()
    for tag in tags:
        match = _CPYTHON.fullmatch(tag.interpreter)
        if match and tag.abi == "abi3":
            others.add(f"{match[1]}.{match[2]} and newer")
        elif match and re.fullmatch(r"cp\d+t", tag.abi):
            others.add(f"{match[1]}.{match[2]} without the GIL")
        elif match and (tag.abi == "none" or re.fullmatch(rf"cp{match[1]}{match[2]}[mu]*", tag.abi)):
            minors.add((int(match[1]), int(match[2])))
        elif tag.abi == "none" or not tag.interpreter.startswith(("py", "cp")):
            others.add(_other(tag.interpreter))
        else:
            others.add(f"{_other(tag.interpreter.replace('cp', 'py'))} with the ABI {tag.abi}")
    return "Python " + ", ".join([*_ranges(minors), *sorted(others)])


def platforms_of(tags: Iterable[Tag], cpu: str) -> str:
    """The platforms of these tags, e.g. "Windows, macOS (arm64)"; `cpu` is the target's, whose Linux comes first."""
    platforms = {tag.platform for tag in tags}
    words: list[str] = []
    for expression, library in ((_GLIBC, "glibc"), (_MUSL, "musl")):
        oldest: dict[str, tuple[int, int]] = {}
        for match in filter(None, (expression.fullmatch(_modern(platform)) for platform in platforms)):
            version = (int(match[1]), int(match[2]))
            oldest[match[3]] = min(version, oldest.get(match[3], version))
        for machine in sorted(oldest, key=lambda one: (one != cpu, one)):
            words.append(f"{machine} Linux with {library} {'{}.{}'.format(*oldest[machine])} or newer")
    return ", ".join([*words, *sorted({word for platform in platforms if (word := _platform(platform))})])


def _ranges(minors: Iterable[tuple[int, int]]) -> list[str]:
    """["2.7", "3.7 to 3.10"]."""
    # Neighbours have the same distance to their position.
    numbered = enumerate(sorted(minors))
    runs = [[pair for _, pair in run] for _, run in groupby(numbered, key=lambda one: (one[1][0], one[1][1] - one[0]))]
    return ["{}.{}".format(*run[0]) if len(run) == 1 else "{}.{} to {}.{}".format(*run[0], *run[-1]) for run in runs]


def _other(interpreter: str) -> str:
    """Words for "pp310" or "py2"."""
    match = re.fullmatch(r"([a-z]+)(\d)(\d*)", interpreter)
    if match is None:
        return interpreter
    version = f"{match[2]}.{match[3]}" if match[3] else match[2]
    return version if match[1] == "py" else f"{_OTHER.get(match[1], match[1])} {version}"


def _modern(platform: str) -> str:
    """The name that PEP 600 gives to the same platform."""
    policy, _, machine = platform.partition("_")
    return f"{_ALIASES[policy]}_{machine}" if policy in _ALIASES else platform


def _platform(platform: str) -> str | None:
    """Words for what is no Linux of PEP 600 or 656; None for one that is."""
    if _GLIBC.fullmatch(_modern(platform)) or _MUSL.fullmatch(platform):
        return None
    if match := re.fullmatch(r"macosx_\d+_\d+_(\w+)", platform):
        return f"macOS ({_MAC_CPUS.get(match[1], match[1])})"
    return _WINDOWS.get(platform, platform)
