"""Settings out of the environment: how they are read, said to be wrong, and told in the documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "DAGY_"


class EnvironmentSettings(BaseModel):
    """Each field is read from the environment variable DAGY_<FIELD>; an empty one counts as absent."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the settings. Raises pydantic.ValidationError, which names each wrong variable's field."""
        values: dict[str, Any] = {}
        for name in cls.model_fields:
            value = environ.get(variable(name), "")
            if value:
                values[name] = value
        return cls.model_validate(values)


class ProcessSettings(EnvironmentSettings):
    """Settings of each process that runs for long: how it is looked at."""

    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """Port of /metrics, which answers nothing else and without TLS; none when 0. A NetworkPolicy opens it to Prometheus, see docs/metrics.md."""  # noqa: E501
    log_format: Literal["text", "json"] = "text"
    """`text` for people; `json` for collectors: one object a line, with the package, the Job and the request that it is about."""  # noqa: E501


class RunSettings(EnvironmentSettings):
    """Settings of runs that operator and API make alike."""

    flow_cpu_request: str = "100m"
    """CPU request of runs whose FlowDeployment has no resources; none when "0"."""
    flow_memory_request: str = "128Mi"
    """Memory request of runs whose FlowDeployment has no resources; none when "0"."""

    def flow_requests(self) -> dict[str, str]:
        """Resource requests of a run whose deployment has none."""
        asked = {"cpu": self.flow_cpu_request, "memory": self.flow_memory_request}
        return {name: value for name, value in asked.items() if value != "0"}


def listed(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated text."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def variable(field: str) -> str:
    """Environment variable of a field."""
    return PREFIX + field.upper()


def wrong_settings(kind: type[EnvironmentSettings], error: ValidationError) -> list[str]:
    """What is wrong with the environment: one line for each variable."""
    lines = []
    for problem in error.errors():
        field, *place = (str(part) for part in problem["loc"])
        where, message = " ".join([variable(field), *place]), problem["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {message}. {kind.model_fields[field].description}")
    return lines


def settings_table(kind: type[EnvironmentSettings]) -> str:
    """The settings as a Markdown table."""
    rows = ["| Variable | Default | What it does |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = "(required)" if field.is_required() else f"`{field.default}`" if field.default != "" else "(empty)"
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"
