"""The Helm chart in manifests/chart: what is written by hand there, and what is generated from the kustomize base."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.cluster.deploy import renamed
from tests.cluster.layout import REPO
from tests.release import base, rules, settings, values
from tests.release.base import Json
from tests.release.templates import guarded, render

CHART = REPO / "manifests" / "chart"
BY_HAND = ("Chart.yaml", "templates/_helpers.tpl", "templates/NOTES.txt", "templates/ingress.yaml",
           "templates/namespace-rights.yaml", "templates/secrets.yaml")  # fmt: skip
NOTE = "{{{{- /* Generated from {source} by `make generate`. Change that, not this file. */}}}}\n"


def generated(digests: dict[str, str] | None = None) -> dict[str, str]:
    """Path in the chart to text. `digests`: repository of an image to the digest that the release has of it."""
    found = list(base.files())
    names = base.image_names(found)
    with_digests = {
        names[repository]: f"{names[repository]}@{digest}" for repository, digest in (digests or {}).items()
    }
    found = [(path, renamed(documents, with_digests)) for path, documents in found]
    names = {repository: with_digests.get(name, name) for repository, name in names.items()}
    objects = {base.identity(document): document for _, documents in found for document in documents}
    maps, deployments = _by_component(objects, "ConfigMap"), _by_component(objects, "Deployment")
    table = values.table(deployments, names)
    helpers = NOTE.format(source="the ConfigMaps of manifests/base") + settings.helpers(maps, names)
    return {
        "values.yaml": f"# Generated from tests/release/values.py by `make generate`.\n{values.text(table)}",
        "values.schema.json": json.dumps(values.schema(table), indent=1) + "\n",
        "templates/_settings.tpl": helpers,
        **{_place(path): _template(path, documents) for path, documents in found},
        "templates/certificates.yaml": _certificates(),
        "templates/monitoring.yaml": _monitoring(),
        "templates/namespace-selector.yaml": _namespace_selector(),
        rules.DASHBOARD: (base.MONITORING / rules.DASHBOARD).read_text(),
    }


def files(digests: dict[str, str] | None = None) -> dict[str, str]:
    """The whole chart: path to text."""
    return {name: (CHART / name).read_text() for name in BY_HAND} | generated(digests)


def write(folder: Path = CHART) -> None:
    """Write what is generated, and remove what was generated before and no longer is."""
    present = generated()
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in (*present, *BY_HAND):
            path.unlink()
    for name, text in present.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _by_component(objects: dict[tuple[str, str, str], Json], kind: str) -> dict[str, Json]:
    return {one: objects[kind, "dagy-system", name] for name, one in rules.COMPONENTS.items()}


def _place(path: Path) -> str:
    folder = "templates/crds" if path.parent.name == "crds" else "templates"
    return f"{folder}/{path.name}"


def _template(path: Path, documents: list[Json]) -> str:
    texts = [guarded(render(rules.with_holes(document)), rules.condition(document)) for document in documents]
    return NOTE.format(source=path.relative_to(REPO)) + "".join(texts)


def _certificates() -> str:
    path = base.OVERLAYS / "cert-manager" / "certificates.yaml"
    texts = [guarded(render(document), rules.CERT_MANAGER) for document in base.documents(path)]
    return NOTE.format(source=path.relative_to(REPO)) + "".join(texts)


def _namespace_selector() -> str:
    path = base.NAMESPACE_SELECTOR / "rbac.yaml"
    texts = [guarded(render(document), rules.NAMESPACE_SELECTOR) for document in base.documents(path)]
    return NOTE.format(source=path.relative_to(REPO)) + "".join(texts)


def _monitoring() -> str:
    """The component of that name, whose dashboard Helm reads out of a file as kustomize does."""
    kustomization = yaml.safe_load((base.MONITORING / "kustomization.yaml").read_text())
    documents = [one for name in kustomization["resources"] for one in base.documents(base.MONITORING / name)]
    documents += [_generated_map(one) for one in kustomization["configMapGenerator"]]
    texts = [guarded(render(rules.with_holes(document)), rules.MONITORING) for document in documents]
    return NOTE.format(source=base.MONITORING.relative_to(REPO)) + "".join(texts)


def _generated_map(generator: Json) -> Json:
    metadata = {
        "name": generator["name"],
        "namespace": generator["namespace"],
        "labels": generator["options"]["labels"],
    }
    data = {file.partition("=")[0]: "" for file in generator["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
