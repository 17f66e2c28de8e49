"""The target of a build: one CPython minor version on one kind of Linux, and the wheels that fit it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from packaging import tags

from dagy_builder import keys
from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.platforms import MACHINES

# The glibc versions that this uv knows as --python-platform.
_GLIBC_MINORS = (17, 28, *range(31, 41))
# Names that PEP 600 keeps as aliases of older manylinux policies.
_LEGACY_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}


@dataclass(frozen=True)
class Target:
    """A Python minor version ("3.12"), a CPU in Go's words and the oldest glibc ("2.28")."""

    python_version: str
    architecture: str
    glibc: str

    @classmethod
    def of(cls, request: BuildRequest) -> Target:
        """The request's target. Raises StepError when this builder doesn't know it."""
        minors = [f"2.{minor}" for minor in _GLIBC_MINORS]
        for what, value, known in (
            ("CPU architecture", request.architecture, list(MACHINES)),
            ("glibc version", request.glibc, minors),
        ):
            if value not in known:
                raise StepError(
                    Reason.RESOLUTION_FAILED, f"The {what} {value!r} is not supported. Use one of {', '.join(known)}."
                )
        if not re.fullmatch(r"3\.\d{1,2}", request.python_version):
            raise StepError(
                Reason.PYTHON_MISSING,
                f"{request.python_version!r} is no Python minor version. Give one such as 3.12.",
                Fault.USER,
            )
        return cls(request.python_version, request.architecture, request.glibc)

    @property
    def cpu(self) -> str:
        """The CPU as wheels' tags call it."""
        return MACHINES[self.architecture]

    @property
    def name(self) -> str:
        """One word, e.g. "cp312-manylinux_2_28_x86_64"."""
        return keys.target_name(self.python_version, self.architecture, self.glibc)

    @property
    def description(self) -> str:
        """For people, e.g. "Python 3.12 on x86_64 Linux with glibc 2.28"."""
        return f"Python {self.python_version} on {self.cpu} Linux with glibc {self.glibc}"

    @property
    def uv_platform(self) -> str:
        """Value for uv's --python-platform."""
        return f"{self.cpu}-manylinux_{self.glibc.replace('.', '_')}"

    @cached_property
    def tag_set(self) -> frozenset[tags.Tag]:
        """All tags a wheel may have to fit."""
        return frozenset(self.supported_tags())

    def supported_tags(self) -> list[tags.Tag]:
        """All tags a wheel may have to fit, the most specific first (PEP 425, PEP 600)."""
        version = tuple(int(part) for part in self.python_version.split("."))
        interpreter = "cp" + self.python_version.replace(".", "")
        platforms = list(self._platforms())
        specific = tags.cpython_tags(version, abis=[interpreter], platforms=platforms)
        return [*specific, *tags.compatible_tags(version, interpreter, platforms)]

    def marker_environment(self) -> Mapping[str, str]:
        """The environment in which PEP 508 markers are evaluated, as far as a target decides it."""
        return {
            "python_version": self.python_version,
            "python_full_version": f"{self.python_version}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": self.cpu,
        }

    def _platforms(self) -> Iterator[str]:
        newest = int(self.glibc.split(".")[1])
        for minor in range(newest, _OLDEST_GLIBC_MINOR[self.cpu] - 1, -1):
            yield f"manylinux_2_{minor}_{self.cpu}"
            if minor in _LEGACY_ALIASES:
                yield f"{_LEGACY_ALIASES[minor]}_{self.cpu}"
        yield f"linux_{self.cpu}"
