"""Lists from PyPI: hundreds of distributions, since nothing that travels may have a size; and sources that need a compiler."""

from __future__ import annotations

import tomllib

import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e.artifacts import fetch
from tests.e2e.kube import Kube, package

pytestmark = pytest.mark.e2e

# Each brings dozens, and all of them agree: 390 distributions for Python 3.12 in November 2026, wheels only.
MANY = [
    "prefect", "dbt-core", "jupyterlab", "kedro", "apache-airflow", "poetry", "dvc", "mkdocs-material", "sphinx", "scrapy",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dependencies", "least"), [("one-name", ["prefect"], 90), ("many", MANY, 301)], ids=["prefect", "mixture"]
)
def test_a_large_list_is_built(kube: Kube, s3: S3Client, name: str, dependencies: list[str], least: int) -> None:
    kube.apply(package(name, *dependencies))
    status = kube.wait(name, "Ready", seconds=900)["status"]
    assert status["phase"] == "COMPLETED"
    locked = tomllib.loads(fetch(s3, status["artifact"]["lockUri"]).decode())["packages"]
    assert len(locked) == status["artifact"]["packageCount"] >= least
    log = fetch(s3, status["validation"]["logUri"]).decode()
    assert all(f"\n{found['name']}==" in log for found in locked)
    assert "dagy-result" not in log


def test_sources_that_need_a_compiler(kube: Kube) -> None:
    """The builder's image has none; which sibling has wheels is known."""
    kube.apply(package("needs-a-compiler", "psycopg2==2.9.9", sourceDistributions="Allow"))
    said = kube.wait("needs-a-compiler", "Settled", seconds=300)["status"]
    assert said["phase"] == "FAILED"
    assert "its build needs pg_config (of PostgreSQL's client library, libpq-dev)" in said["message"]
    assert "Ask for psycopg2-binary, which has wheels, or use a builder image that has it" in said["message"]
