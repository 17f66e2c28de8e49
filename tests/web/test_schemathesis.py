"""Schemathesis: whatever a client sends, valid or not, is answered as the OpenAPI document promises."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.core.parameters import ParameterLocation

from dagy.model.rest.packages import NAMESPACE_PATTERN
from dagy.web.app import document
from tests.fakes.api import Api

pytestmark = pytest.mark.apiserver

EXAMPLES = int(os.environ.get("DAGY_SCHEMATHESIS_EXAMPLES", "8"))
# Kubernetes' own rules (CEL, quantities, sizes) say more than JSON Schema can, so valid data may still get a 422.
BEYOND_JSON_SCHEMA = [checks.positive_data_acceptance]
ENDLESS = "/dep-packages:watch"  # tests/web/packages/test_summaries.py
EXISTING = {"namespace": "team-a"}
SCHEMA = schemathesis.openapi.from_dict(document())
SCHEMA.config.checks.negative_data_rejection.expected_statuses = ["4xx", "503"]
OPERATIONS = {
    operation.ok().label: operation.ok()
    for operation in SCHEMA.get_all_operations()
    if operation.ok().path not in ("/healthz", "/readyz", ENDLESS)
}


def aim(case: schemathesis.Case) -> None:
    """Random namespaces do not exist: let cases reach further than that. What was made invalid stays so."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict) and re.fullmatch(NAMESPACE_PATTERN, str(part.get("namespace", "-"))):
            part.update(EXISTING)


def without_token(case: schemathesis.Case) -> bool:
    """Whether the token is what was made invalid."""
    header = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    return header is not None and header.mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_every_answer_is_promised(api: Api, label: str, mode: GenerationMode) -> None:
    token = {"Authorization": f"Bearer {api.users.token('alice')}"}

    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def answers(case: Any) -> None:
        aim(case)
        headers = {} if without_token(case) else token
        case.call_and_validate(base_url=api.url, headers=headers, timeout=30, excluded_checks=BEYOND_JSON_SCHEMA)

    answers()
