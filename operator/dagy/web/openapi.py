"""The OpenAPI document: FastAPI's, with problem details as the only errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dagy.model.rest.base import Problem
from dagy.model.rest.packages import DepPackageBody

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
        app.openapi_schema = _plain(made)
    return app.openapi_schema


def _add(schemas: dict[str, Any], schema: dict[str, Any]) -> None:
    for name, inner in schema.pop("$defs", {}).items():
        schemas.setdefault(name, inner)
    schemas[schema["title"]] = schema


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
