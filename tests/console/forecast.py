"""A package with ZIPs in S3, for the pages that look into them."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from dagy_builder.storage.store import ObjectStore
from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.visit import Visit
from tests.fakes.api import Users
from tests.fakes.artifacts import Built, archive, distribution, lock, sbom

LICENCES = {"pandas": "BSD-3-Clause", "numpy": "BSD-3-Clause AND MIT", "requests": "Apache-2.0", "idna": "BSD-3-Clause"}


def files(pandas: str = "2.3.1", **more: str) -> dict[str, bytes]:
    """Files of a ZIP with that pandas, and further distributions."""
    found = distribution("numpy", "2.2.0", *(f"numpy/core/part_{n}.so" for n in range(9)), "numpy/__init__.py", content=bytes(70_000))  # fmt: skip
    found |= distribution(
        "pandas", pandas, *(f"pandas/io/parsers/reader_{n}.py" for n in range(30)), content=bytes(9_000)
    )
    found |= distribution("requests", "2.32.3", "requests/__init__.py", "requests/api.py", content=bytes(20_000))
    for name, version in more.items():
        found |= distribution(name, version, f"{name}/__init__.py", content=bytes(4_000))
    return found


class Forecast(Built):
    """A package with an earlier ZIP and a present one."""

    def __init__(self, users: Users, objects: ObjectStore, *, revisions: int = 2) -> None:
        dependencies = ["pandas>=2.3.0,<2.4.0", "requests"]
        super().__init__(
            users, objects, namespace=WORKSHOP, dependencies=dependencies, displayName="Forecast", buildPolicy="Manual"
        )
        self.earlier = self.build("2.2.3", "2026-11-20T09:30:00Z", six="1.16.0") if revisions > 1 else ""
        self.present = self.build("2.3.1", "2026-11-21T12:03:00Z", idna="3.10") if revisions else ""
        phase = "COMPLETED" if revisions else "VALID"
        message = "4 packages in a ZIP of 12 kB." if revisions else "All requirements resolve."
        self.tell(phase=phase, message=message, observedGeneration=1, conditions=given.conditions(phase, True))

    def build(self, pandas: str, at: str, **more: str) -> str:
        """Add such a ZIP; its SHA-256."""
        found = files(pandas, **more)
        versions = {"numpy": "2.2.0", "pandas": pandas, "requests": "2.32.3", **more}
        return self.add(
            archive(found), lock(**versions), bill=sbom(**{name: LICENCES[name] for name in versions if name in LICENCES}),
            builtAt=at, fileCount=len(found), packageCount=len(versions), uncompressedBytes=sum(map(len, found.values())),
            zipImportable=False,
        )  # fmt: skip


def opened(visit: Visit, ben: str, package: Built, query: str = "") -> Page:
    """Its artifact page."""
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{package.name}?tab=artifact{query}")
    expect(page.get_by_role("heading", name="Forecast")).to_be_visible()
    return page
