"""From the pydantic models to CustomResourceDefinitions: structural schemas, as Kubernetes wants them. Pure.

Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ (structural
schemas). Whatever a rule below does not know raises, rather than reaching a cluster.
"""

import inspect
from typing import Any

from dagy.model import constants as names
from dagy.model.base import ApiModel, cel
from dagy.model.flowdeployment import ROOT_RULE, SPEC_RULES, FlowDeploymentSpec
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy.model.slugclaim import CLAIM_RULE, SlugClaimSpec
from dagy.model.spec import DepPackageSpec
from dagy.model.status import DepPackageStatus

_DROPPED = {"title", "additionalProperties", "minItems"}
_COPIED = {
    "type", "description", "enum", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems",
    "default", "required", "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
}  # fmt: skip


def structural_schema(model: type[ApiModel]) -> dict[str, Any]:
    """The model's JSON schema in structural form: no $ref, no anyOf, no null. Raises ValueError on anything else."""
    raw = model.model_json_schema(by_alias=True)
    return _convert(raw, raw.get("$defs", {}))


def _convert(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        target = defs[node["$ref"].rsplit("/", 1)[-1]]
        return _convert({**target, **{k: v for k, v in node.items() if k != "$ref"}}, defs)
    if "anyOf" in node:
        options = [option for option in node["anyOf"] if option != {"type": "null"}]
        if len(options) != 1:
            raise ValueError(f"a structural schema cannot express a choice between types: {node}")
        rest = {k: v for k, v in node.items() if k != "anyOf"}
        return _convert({**options[0], **rest}, defs)
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            out[key] = {name: _convert(child, defs) for name, child in value.items()}
        elif key == "items":
            out[key] = _convert(value, defs)
        elif key in _COPIED:
            if key == "description":
                out[key] = inspect.cleandoc(value)
            elif not (key == "default" and value in (None, [], "")):
                out[key] = value
        elif key == "const":
            out["enum"] = [value]
        elif key not in _DROPPED and key != "$defs":
            raise ValueError(f"no rule for the JSON schema keyword {key!r} in {node}")
    return out


def _column(name: str, path: str, *, kind: str = "string", description: str, wide: bool = False) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": 1} if wide else column


_READY, _SETTLED = (f'.status.conditions[?(@.type=="{kind}")]' for kind in ("Ready", "Settled"))

FLOWDEPLOYMENT_COLUMNS = [
    _column("Flow", ".spec.flowName", description="Name of the flow"),
    _column("Version", ".status.flowVersion", description="Version of the flow that is deployed"),
    _column("Revision", ".status.revision", kind="integer", description="Revision that is deployed"),
    _column("Ready", f"{_READY}.status", description="Whether the present spec is deployed"),
    _column("Schedule", ".spec.schedule", description="When it runs"),
    _column("Last Run", ".status.lastRun.phase", description="How the last run stands"),
    _column("Age", ".metadata.creationTimestamp", kind="date", description="Time since creation"),
    _column("Reason", f"{_READY}.reason", description="Why it is ready or not", wide=True),
    _column("Packages", ".spec.depPackageSlugs", description="Slugs of its packages", wide=True),
    _column("Suspended", ".spec.suspend", kind="boolean", description="Whether the schedule is stopped", wide=True),
]

DEPPACKAGE_COLUMNS = [
    _column("Slug", ".status.slug", description="Identifier to attach the package by"),
    _column("Python", ".spec.pythonVersion", description="Python version of the flows"),
    _column("Phase", ".status.phase", description="Where the package stands"),
    _column("Ready", f"{_READY}.status", description="Whether an artifact of the present spec can be used"),
    _column("Deps", ".status.dependencyCount", kind="integer", description="Number of requirements"),
    _column("Age", ".metadata.creationTimestamp", kind="date", description="Time since creation"),
    _column("Reason", f"{_SETTLED}.reason", description="The cause of its phase", wide=True),
    _column("Size", ".status.artifact.size", description="Size of the artifact", wide=True),
    _column("URI", ".status.s3Uri", description="The artifact in S3", wide=True),
]


def deppackage_crd() -> dict[str, Any]:
    """The DepPackage CRD."""
    status = structural_schema(DepPackageStatus)
    # Before the operator's first look a tool that reads kstatus must not take the object for finished.
    status["default"] = {"observedGeneration": -1}
    schema = {
        "type": "object",
        "description": "A named collection of Python dependencies, built into a ZIP in S3 that flows attach by slug.",
        "required": ["spec"],
        "properties": {"spec": structural_schema(DepPackageSpec), "status": status},
        **cel(
            "!has(self.spec.slug) || !has(self.status) || !has(self.status.slug) || self.spec.slug == self.status.slug",
            "this package already has a slug, see status.slug, and it never changes; remove spec.slug or set it to "
            "the same value",
        ),
    }
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": DEPPACKAGE_COLUMNS,
        "selectableFields": [{"jsonPath": ".status.slug"}, {"jsonPath": ".status.lockHash"}],
        "schema": {"openAPIV3Schema": schema},
    }
    return _crd(
        names.DEPPACKAGE_KIND, names.DEPPACKAGE_PLURAL, version, scope="Namespaced", short_names=["dp", "deppkg"]
    )


def flowdeployment_crd() -> dict[str, Any]:
    """The FlowDeployment CRD."""
    spec, status = structural_schema(FlowDeploymentSpec), structural_schema(FlowDeploymentStatus)
    spec["x-kubernetes-validations"] = SPEC_RULES
    status = _without_rules(status)  # what it repeats of the spec was judged there
    status["default"] = {"observedGeneration": -1}
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": FLOWDEPLOYMENT_COLUMNS,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "A flow that runs in the cluster, on a schedule or on request, with the code and the "
                "dependency packages of its revision.",
                "required": ["spec"],
                "properties": {"spec": spec, "status": status},
                **ROOT_RULE,
            }
        },
    }
    kind, plural = names.FLOWDEPLOYMENT_KIND, names.FLOWDEPLOYMENT_PLURAL
    return _crd(kind, plural, version, scope="Namespaced", short_names=["fd", "flowdep"])


def _without_rules(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_rules(v) for k, v in node.items() if k != "x-kubernetes-validations"}
    return [_without_rules(item) for item in node] if isinstance(node, list) else node


def slugclaim_crd() -> dict[str, Any]:
    """The SlugClaim CRD: cluster-scoped and immutable, but for the namespace that it is bound to or released from."""
    spec = structural_schema(SlugClaimSpec)
    spec |= cel(CLAIM_RULE, "a slug belongs to one package for ever; claims are never changed")
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            _column("Slug", ".spec.slug", description="The slug"),
            _column("Namespace", ".spec.namespace", description="Namespace of its package"),
            _column("Package", ".spec.name", description="Name of its package"),
            _column("Age", ".metadata.creationTimestamp", kind="date", description="Time since it was given out"),
        ],
        "selectableFields": [{"jsonPath": ".spec.namespace"}, {"jsonPath": ".spec.name"}],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "A slug that was given to a package. It stays when the package is deleted, so that the "
                "slug is never given to another one.",
                "required": ["spec"],
                "properties": {"spec": spec},
            }
        },
    }
    return _crd(names.SLUGCLAIM_KIND, names.SLUGCLAIM_PLURAL, version, scope="Cluster", short_names=[])


def _crd(kind: str, plural: str, version: dict[str, Any], *, scope: str, short_names: list[str]) -> dict[str, Any]:
    plain = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    categories = ["all", "dagy"] if scope == "Namespaced" else ["dagy"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": scope,
            "names": {**plain, **({"shortNames": short_names} if short_names else {}), "categories": categories},
            "versions": [version],
        },
    }


def crd_files() -> dict[str, dict[str, Any]]:
    """File name below crds/ to CRD."""
    return {
        f"{names.DEPPACKAGE_PLURAL}.yaml": deppackage_crd(),
        f"{names.FLOWDEPLOYMENT_PLURAL}.yaml": flowdeployment_crd(),
        f"{names.SLUGCLAIM_PLURAL}.yaml": slugclaim_crd(),
    }
