"""From a DepPackage's spec to the plan of its build: requirements normalized, identity hashed. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagy.core import requirements
from dagy.core.common.failure import Failure
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.spec import BuildOptions, BuildPolicy, Bytecode, DepPackageSpec, Index, Platform
from dagy_builder.contract import BuildRequest, Fault, Problem, Reason


@dataclass(frozen=True)
class Tokens:
    """Values of the request annotations, or those in status that were already acted upon."""

    validate: str = ""
    build: str = ""
    refresh: str = ""
    cancel: str = ""


def answers(recorded: str, requested: str, handled: str) -> bool:
    """Return True when a result with that token answers the last request, the one before when there is no new one."""
    return recorded == (requested or handled or recorded)


@dataclass(frozen=True)
class BuildPlan:
    """All facts that decide the build of one package."""

    key: NamespacedName
    uid: str
    generation: int
    spec: DepPackageSpec
    normalized: requirements.NormalizedList
    platform: Platform
    options: BuildOptions
    spec_hash: str
    requested: Tokens

    @property
    def auto(self) -> bool:
        """True when the operator validates and builds without being asked."""
        return self.spec.build_policy is BuildPolicy.AUTO

    def request(self) -> BuildRequest:
        """Return the request for the validation Job; the build Job adds the destination of its result."""
        index = self.spec.index or Index()
        newer: datetime | None = self.spec.exclude_newer
        return BuildRequest(
            python_version=self.spec.python_version,
            architecture=self.platform.architecture,
            glibc=self.platform.glibc,
            requirements=list(self.normalized.dependencies),
            source_distributions=self.spec.source_distributions,
            exclude_newer=newer.isoformat().replace("+00:00", "Z") if newer else None,
            index_url=index.url,
            extra_index_urls=list(index.extra_urls),
            compression=self.options.compression,
            bytecode=self.options.bytecode or Bytecode.INCLUDE,
        )

    def takes(self, bytecode: Bytecode | None) -> bool:
        """Return True when an artifact that says this of its bytecode is what the spec wants.

        One that says nothing is of a version that made none. It will do where the spec leaves the choice, so that a new
        version of the operator does not build everything again.
        """
        match self.options.bytecode:
            case None:
                return bytecode is not Bytecode.EXCLUDE
            case Bytecode.EXCLUDE:
                return bytecode is not Bytecode.INCLUDE
            case Bytecode.INCLUDE:
                return bytecode is Bytecode.INCLUDE


def plan_of(package: Mapping[str, Any]) -> BuildPlan:
    """Read the object. Raises pydantic.ValidationError when the spec isn't one that the CRD would have let in."""
    metadata = package["metadata"]
    spec = DepPackageSpec.model_validate(package["spec"])
    platform = spec.platform or Platform()
    normalized = requirements.normalize(spec.dependencies, spec.python_version, architecture=platform.architecture)
    annotations = metadata.get("annotations") or {}
    return BuildPlan(
        key=NamespacedName.of(metadata),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        spec=spec,
        normalized=normalized,
        platform=platform,
        options=spec.build or BuildOptions(),
        spec_hash=_spec_hash(spec, normalized, platform),
        requested=Tokens(
            validate=annotations.get(names.REQUEST_VALIDATE, ""),
            build=annotations.get(names.REQUEST_BUILD, ""),
            refresh=annotations.get(names.REQUEST_REFRESH, ""),
            cancel=annotations.get(names.REQUEST_CANCEL, ""),
        ),
    )


def _spec_hash(spec: DepPackageSpec, normalized: requirements.NormalizedList, platform: Platform) -> str:
    """Return the hash of all that decides the lock; order and spelling of the list, texts and policies do not."""
    identity = {
        "python": spec.python_version,
        "platform": platform.to_json(),
        "dependencies": normalized.dependencies,
        # Never part of a lock, but a corrected list must not be taken for the one that was refused.
        "unreadable": [error.text for error in normalized.errors],
        "index": _index_identity(spec.index) if spec.index else None,
        "sourceDistributions": spec.source_distributions,
        "excludeNewer": spec.exclude_newer.isoformat() if spec.exclude_newer else None,
    }
    return digest(identity)


def _index_identity(index: Index) -> dict[str, Any]:
    """Return the index settings, without those that came later and are not used, so that older hashes stay."""
    identity = index.to_json()
    return identity if index.secret_names else {k: v for k, v in identity.items() if k != "secretNames"}


def digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON-ready value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def malformed_failure(plan: BuildPlan) -> Failure:
    """Return the failure of a plan whose list holds entries that are no requirements (`normalized.errors`)."""
    errors = plan.normalized.errors
    problems = tuple(Problem(message=e.message, requirement=e.text, hint=e.hint) for e in errors)
    first = f"{errors[0].message} {errors[0].hint or ''}".strip()
    others = len(errors) - 1
    more = f" {others} more cannot be read; see status.validation.errors." if others else ""
    return Failure(Reason.MALFORMED_REQUIREMENT, first + more, Fault.USER, problems)
