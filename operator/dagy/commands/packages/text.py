"""Packages as rows and pages of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagy.commands.findings import headline
from dagy.model.rest.packages import DepPackageResponse, RestArtifact
from dagy.model.status import ConditionType
from dagy_builder.sizes import human_size

HEADINGS = ("NAMESPACE", "NAME", "SLUG", "PYTHON", "STATUS", "SIZE", "AGE", "DESCRIPTION")
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def row(package: DepPackageResponse, now: datetime) -> tuple[str, ...]:
    """The cells of one package."""
    return (
        package.namespace,
        package.name,
        package.slug or "-",
        package.python_version,
        package.build_status,
        human_size(package.package_size) if package.package_size is not None else "-",
        age(package.created_at, now),
        package.display_name or package.description or "",
    )


def age(since: str, now: datetime) -> str:
    """Time since a moment (RFC 3339), as kubectl shows it: 5s, 12m, 3h, 40d."""
    try:
        seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    except (ValueError, TypeError):
        return "-"
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), f"{seconds}s")


def page(package: DepPackageResponse) -> Iterator[tuple[str, str | None]]:
    """All that is said of one package: names and values."""
    artifact = package.artifact
    yield "Name", f"{package.namespace}/{package.name}"
    yield "Display name", package.display_name
    yield "Description", package.description
    yield "Slug", package.slug
    yield "Python", package.python_version
    yield "Managed by", package.managed_by
    yield "Status", package.build_status + (" (being deleted)" if package.deleting else "")
    message, errors = headline(package.message, package.validation.errors if package.validation else ())
    yield "Message", message
    yield "Errors", "\n".join(errors)
    yield "Warnings", "\n".join(package.warnings)
    if artifact and _is_ready(package):
        yield "S3 URI", artifact.uri
        yield from _artifact(artifact)
        yield "Image", artifact.image or _why_no_image(package)
    yield "Dependencies", "\n".join(package.normalized_dependencies or package.dependencies)
    yield "Not used", "\n".join(f"{one.text}: {one.why}" for one in package.dropped)
    yield "Earlier ZIPs", "\n".join(f"{one.built_at}  {one.sha256}" for one in package.history)
    if artifact and not _is_ready(package):
        about = [f"{name} {value}" for name, value in _artifact(artifact)]
        yield "Last ZIP", "\n".join(["of an earlier list; pods get it until this one is built", artifact.uri, *about])
    yield "Created", package.created_at


def _is_ready(package: DepPackageResponse) -> bool:
    """Whether the ZIP is of the present list."""
    return any(one.type == ConditionType.READY and one.status == "True" for one in package.conditions)


def _why_no_image(package: DepPackageResponse) -> str | None:
    """What became of its image in the registry; None where there is no registry."""
    return next((one.message for one in package.conditions if one.type == ConditionType.IMAGE_PUSHED), None)


def _artifact(artifact: RestArtifact) -> Iterator[tuple[str, str]]:
    packages = f"{artifact.package_count} package{'s' * (artifact.package_count != 1)}"
    yield "Size", f"{human_size(artifact.size_bytes)} ({human_size(artifact.uncompressed_bytes)} unpacked, {packages})"
    yield "SHA-256", artifact.sha256
    yield "Platform", f"linux/{artifact.architecture}, glibc {artifact.glibc}"
    yield "Built", artifact.built_at


def outcome(package: DepPackageResponse) -> str:
    """How a package that is waited for ended, in one line."""
    name = f"{package.namespace}/{package.name} ({package.slug})"
    if package.artifact and package.build_status == "COMPLETED":
        return f"{name}: {package.build_status}, {human_size(package.artifact.size_bytes)}, {package.artifact.uri}"
    return (
        f"{name}: {package.build_status}: {package.message}" if package.message else f"{name}: {package.build_status}"
    )


def succeeded(package: DepPackageResponse) -> bool:
    """Whether that is what one waits for: an artifact, or what a manual package stops at."""
    return package.build_status in ("COMPLETED", "VALID") or (
        package.build_status == "PENDING" and package.build_policy == "Manual"
    )


def ended(package: DepPackageResponse) -> bool:
    """Whether nothing runs for it, to go by its status: a request that came just now isn't in there yet."""
    return package.build_status in ("COMPLETED", "VALID", "INVALID", "FAILED")
