"""Flow engines give their pods packages, by the examples of docs/engines.md, and tell their users when a slug is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.cluster.controlplane import process
from tests.cluster.doctor import free_port
from tests.e2e.engines import python_of, ran, variables, written
from tests.e2e.kube import DEADLINE_SECONDS, Kube, eventually, package

pytestmark = [pytest.mark.e2e, pytest.mark.peers, pytest.mark.long_build]
NO_SUCH = "NOSUCH00"
SENTENCE = "may use has the slug NOSUCH00"


@pytest.fixture
def slug(kube: Kube) -> str:
    """A package with humanize."""
    kube.apply(package("texts", "humanize"))
    return str(kube.wait("texts", "Ready")["status"]["slug"])


def airflow(kube: Kube, folder: Path, slug: str) -> tuple[int, str]:
    """Run the DAG of the page once."""
    python = python_of("airflow")
    (folder / "dags").mkdir()
    written(folder / "dags", "report.py", slug)
    connection = {"in_cluster": False, "kube_config_path": kube.kubeconfig, "namespace": kube.namespace}
    env = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps({"conn_type": "kubernetes", "extra": connection}),
    }
    code, said = ran(python, "-m", "airflow", "db", "migrate", cwd=folder, env=env)
    assert not code, said
    return ran(python, "-m", "airflow", "dags", "test", "report", cwd=folder, env=env)


def test_a_task_of_airflow_imports_a_package(kube: Kube, slug: str, tmp_path: Path) -> None:
    code, said = airflow(kube, tmp_path, slug)
    assert "humanize 4" in said
    assert "state=success" in said
    assert not code


def test_a_task_of_airflow_fails_at_once_with_our_sentence(kube: Kube, tmp_path: Path) -> None:
    _, said = airflow(kube, tmp_path, NO_SUCH)
    assert SENTENCE in said
    assert "state=failed" in said


def test_what_airflows_kubernetes_executor_makes_of_an_override_has_the_package(
    kube: Kube, slug: str, tmp_path: Path
) -> None:
    written(tmp_path, "override.py", slug)
    (tmp_path / "pod.py").write_text("""
import json
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import ApiClient, V1Container, V1ObjectMeta, V1Pod, V1PodSpec
from override import PACKAGES
code = "import humanize; print('humanize', humanize.__version__)"
base = V1Container(name="base", image="docker.io/library/python:3.12-slim", command=["python", "-c", code])
pod = V1Pod(metadata=V1ObjectMeta(name="task"), spec=V1PodSpec(containers=[base], restart_policy="Never"))
made = PodGenerator.reconcile_pods(pod, PACKAGES)
print(json.dumps({"apiVersion": "v1", "kind": "Pod", **ApiClient().sanitize_for_serialization(made)}))
""")
    code, said = ran(python_of("airflow"), "pod.py", cwd=tmp_path, env={"AIRFLOW_HOME": str(tmp_path)})
    assert not code, said
    kube.apply(json.loads(said.splitlines()[-1]))
    kube("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/task", "--timeout=120s")
    assert kube("logs", "task", "--container=base").startswith("humanize 4")


def dagster(kube: Kube, folder: Path, slug: str) -> tuple[int, str]:
    """Run the job of the page once."""
    program = written(folder, "report_job.py", slug)
    env = {"KUBECONFIG": kube.kubeconfig, "NAMESPACE": kube.namespace, "DAGSTER_HOME": str(folder)}
    return ran(python_of("dagster"), program, cwd=folder, env=env)


def test_an_op_of_dagster_imports_a_package(kube: Kube, slug: str, tmp_path: Path) -> None:
    code, said = dagster(kube, tmp_path, slug)
    assert not code, said
    assert "humanize 4" in said


def test_an_op_of_dagster_fails_at_once_with_our_sentence(kube: Kube, tmp_path: Path) -> None:
    code, said = dagster(kube, tmp_path, NO_SUCH)
    assert code
    assert SENTENCE in said
    assert not kube.list("jobs"), "what can't run is not there"


DEPLOY = r"""
import sys
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect_kubernetes.worker import KubernetesWorker
from job_variables import JOB_VARIABLES
more = {
    "image": "docker.io/library/python:3.12-slim", "image_pull_policy": "IfNotPresent", "namespace": sys.argv[1],
    "command": "python -c \"import humanize; print('humanize', humanize.__version__)\"",
}
with get_client(sync_client=True) as client:
    template = KubernetesWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name="packages", type="kubernetes", base_job_template=template))
    flow = client.create_flow_from_name("report")
    deployment = client.create_deployment(flow, "nightly", work_pool_name="packages", job_variables=JOB_VARIABLES | more)
    client.create_flow_run_from_deployment(deployment)
"""
STATES = """
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    print([run.state.name for run in client.read_flow_runs()])
"""


def prefect(kube: Kube, folder: Path, slug: str) -> tuple[str, str]:
    """Run a deployment of Prefect once; what the worker said, and in which state the run is."""
    python, port = python_of("prefect"), free_port()
    written(folder, "job_variables.py", slug)
    (folder / "deploy.py").write_text(DEPLOY)
    (folder / "states.py").write_text(STATES)
    url = f"http://127.0.0.1:{port}/api"
    env = {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": url, "KUBECONFIG": kube.kubeconfig}
    server = [*variables(folder, env), str(python), "-m", "prefect", "server", "start"]
    log = folder / "server.log"
    with process([*server, "--host=127.0.0.1", f"--port={port}", "--no-services"], log) as serving:

        def answers() -> bool:
            assert serving.poll() is None, log.read_text()
            try:
                return httpx.get(f"{url}/health").is_success
            except httpx.TransportError:
                return False

        # It makes its database first, which takes minutes on a busy machine.
        eventually(answers, "Prefect's server answers", DEADLINE_SECONDS)
        code, said = ran(python, "deploy.py", kube.namespace, cwd=folder, env=env)
        assert not code, said
        worker = ("-m", "prefect", "worker", "start", "--pool=packages", "--type=kubernetes", "--run-once")
        _, said = ran(python, *worker, cwd=folder, env=env)
        _, states = ran(python, "states.py", cwd=folder, env=env)
    return said, states


def test_a_run_of_prefect_imports_a_package(kube: Kube, slug: str, tmp_path: Path) -> None:
    prefect(kube, tmp_path, slug)
    [job] = kube.list("jobs")
    kube("wait", "--for=condition=Complete", f"job/{job['metadata']['name']}", "--timeout=120s")
    assert kube("logs", f"job/{job['metadata']['name']}", "--container=prefect-job").startswith("humanize 4")


def test_a_run_of_prefect_fails_at_once_with_our_sentence(kube: Kube, tmp_path: Path) -> None:
    said, states = prefect(kube, tmp_path, NO_SUCH)
    assert SENTENCE in said
    assert "Crashed" in states
    assert not kube.list("jobs"), "what can't run is not there"
