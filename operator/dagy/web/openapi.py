"""The OpenAPI document: FastAPI's, with problem details as the only errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dagy.core.rest.origin import SAFE_METHODS
from dagy.core.rest.reasons import ApiReason
from dagy.model.rest.base import Problem
from dagy.model.rest.packages import DepPackageBody
from dagy.web.serving.parameters import problems_of

_REF = "#/components/schemas/{model}"
_OWN_ERRORS = ("HTTPValidationError", "ValidationError")


def document(app: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = made["components"]["schemas"]
        for name in _OWN_ERRORS:
            schemas.pop(name, None)
        _add(schemas, Problem.model_json_schema(ref_template=_REF))
        _add(schemas, _all_optional(DepPackageBody.model_json_schema(ref_template=_REF)))
        _refuse_other_sites(made["paths"])
        app.openapi_schema = _plain(made)
    return app.openapi_schema


def _add(schemas: dict[str, Any], schema: dict[str, Any]) -> None:
    for name, inner in schema.pop("$defs", {}).items():
        schemas.setdefault(name, inner)
    schemas[schema["title"]] = schema


def _refuse_other_sites(paths: dict[str, Any]) -> None:
    """Whatever changes something may be refused because another site's page asks for it."""
    ((status, answer),) = problems_of(ApiReason.CROSS_ORIGIN).items()
    for path in paths.values():
        for method, operation in path.items():
            if method.upper() not in SAFE_METHODS:
                present = operation["responses"].setdefault(str(status), {**answer, "description": ""})
                told = [part for part in (present["description"], answer["description"]) if part]
                present["description"] = "; ".join(told)


def _all_optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The body of a merge patch: each field of the schema, or null, or absent."""
    fields = {
        name: {key: value for key, value in field.items() if key != "default"}
        for name, field in schema["properties"].items()
    }
    nullable = {
        name: field if {"type": "null"} in field.get("anyOf", ()) else {"anyOf": [field, {"type": "null"}]}
        for name, field in fields.items()
    }
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "title": "DepPackagePatch", "description": "Fields to change.", "properties": nullable}


def _plain(node: Any) -> Any:
    """Without the keywords that only Kubernetes understands."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if not str(key).startswith("x-kubernetes-")}
    return [_plain(one) for one in node] if isinstance(node, list) else node
