"""The objects of the kustomize base, file by file, as they stand in the repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.image_sources import BUILDER_NAME, OPERATOR_NAME
from tests.cluster.layout import REPO

Json = dict[str, Any]

BASE = REPO / "manifests" / "base"
OVERLAYS = REPO / "manifests" / "overlays"
MONITORING = REPO / "manifests" / "components" / "monitoring"
NAMESPACE_SELECTOR = REPO / "manifests" / "components" / "namespace-selector"
KNOWN = {"apiVersion", "kind", "resources"}


def files(folder: Path = BASE) -> Iterator[tuple[Path, list[Json]]]:
    """Each file of a kustomization, in its order, with its documents.

    Raises ValueError for a kustomization that does more than list resources: kustomize alone knows what comes of it.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if set(kustomization) > KNOWN:
        raise ValueError(f"{folder} has {sorted(set(kustomization) - KNOWN)}, from which no chart can be generated")
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        if path.is_dir():
            yield from files(path)
        else:
            yield path, documents(path)


def documents(path: Path) -> list[Json]:
    """The objects in a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def identity(document: Json) -> tuple[str, str, str]:
    """What tells an object from all others: kind, namespace, name."""
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def image_names(all_files: list[tuple[Path, list[Json]]]) -> dict[str, str]:
    """The images that the base runs: repository to the whole name, tag and all."""
    found: dict[str, str] = {}

    def collect(value: Any) -> None:
        match value:
            case str():
                repository = value.rpartition(":")[0]
                if repository in (OPERATOR_NAME, BUILDER_NAME):
                    found[repository] = value
            case list():
                for item in value:
                    collect(item)
            case dict():
                collect(list(value.values()))
            case _:
                pass

    collect([documents for _, documents in all_files])
    return found
