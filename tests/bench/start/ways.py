"""The ways to have pandas, scikit-learn and requests in a pod, and the pods that show how long each takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.cases import PYTHON, SCIENCE
from tests.e2e.kube import Json

IMAGE = "docker.io/dagy/bench-start:science"
BASE, TOOLS = f"docker.io/library/python:{PYTHON}-slim", "docker.io/dagy/builder:dev"
LABEL = "dagy-bench-start"

_IMPORT = "pandas, sklearn.linear_model, requests"
_LIST = " ".join(SCIENCE.requirements)
_HOME = f"/opt/python/{PYTHON}"
_PYTHON = f"{_HOME}/bin/python3"
_BAKED, _PIP, _WORK = "/opt/baked", "/opt/pip", "/srv/work"

# One image for all of them, so that they differ in nothing else: interpreter, compiled standard library, uv, pip.
DOCKERFILE = f"""\
FROM {TOOLS} AS tools
FROM {BASE}
ARG SSL_CERT_FILE
COPY --from=tools /app/bin/uv /usr/local/bin/uv
ENV PATH={_HOME}/bin:/usr/local/bin:/usr/bin:/bin
RUN python3 -m compileall -q -x '/(test|tests|lib2to3|idlelib)/' {_HOME}/lib/python{PYTHON} \\
 && uv venv --quiet --python {_PYTHON} {_BAKED} \\
 && uv pip install --quiet --no-cache --compile-bytecode --python {_PYTHON} --target {_PIP} pip \\
 && PIP_CERT=$SSL_CERT_FILE PYTHONPATH={_PIP} {_PYTHON} -m pip --python {_BAKED}/bin/python3 install --quiet --no-cache-dir \\
      --root-user-action=ignore --disable-pip-version-check {_LIST}
"""

_CODE = f"""
import time
begun = time.time()
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR1}})
print("bench begun", begun, flush=True)
import {_IMPORT}
print("bench imported", time.time(), flush=True)
if WAITS:
    signal.sigwait({{signal.SIGUSR1}})
print("bench ended", time.time(), flush=True)
"""
_MARK = re.compile(r"^bench (begun|imported|ended) ([0-9.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Way:
    """One way. `before`: a shell command that the container runs first."""

    name: str
    python: str = _PYTHON
    before: str = ""
    path: str = ""
    """PYTHONPATH, where the webhook does not set it."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    first: bool = False
    """Whether the package's image has to be gone from the node before."""

    @property
    def by_image(self) -> bool:
        """Whether it mounts the package's image."""
        return self.annotations.get("dagy.io/attach-mode") == "ImageVolume"

    @property
    def writes(self) -> bool:
        """Whether the pod has files of its own, whose deletion would slow down the pods after it."""
        return bool(self.before) or (bool(self.annotations) and not self.by_image)


BAKED, FIRST, LATER = "baked into the image", "image volume, first on the node", "image volume, later"
INIT, UV, PIP = "init container", "`uv pip install` at the start", "`pip install` at the start"


def ways(slug: str) -> list[Way]:
    """All of them, the one that others are compared with first."""

    def attached(mode: str) -> dict[str, str]:
        return {"dagy.io/dep-packages": slug, "dagy.io/python-version": PYTHON, "dagy.io/attach-mode": mode}

    pip = f"PYTHONPATH={_PIP} {_PYTHON} -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action=ignore"
    return [
        Way(BAKED, python=f"{_BAKED}/bin/python3"),
        Way(FIRST, annotations=attached("ImageVolume"), first=True),
        Way(LATER, annotations=attached("ImageVolume")),
        Way(INIT, annotations=attached("InitContainer")),
        Way(UV, before=f"uv pip install --quiet --no-cache --python {_PYTHON} --target {_WORK} {_LIST}", path=_WORK),
        Way(PIP, before=f"{pip} --target {_WORK} {_LIST}", path=_WORK),
    ]


def pod(way: Way, name: str, *, waits: bool, trust: bool) -> Json:
    """A pod that imports and tells when. `waits`: it ends when it is told to; `trust`: there is a ConfigMap of authorities."""
    run = [way.python, "-c", _CODE.replace("WAITS", str(waits))]
    command = ["sh", "-ec", f'{way.before}\nexec "$@"', "sh", *run] if way.before else run
    environment = [{"name": "PYTHONPATH", "value": way.path}] if way.path else []
    container: Json = {"name": "main", "image": IMAGE, "command": command, "env": environment}
    spec: Json = {
        "restartPolicy": "Never",
        # As PID 1 it ignores the signal that asks it to end.
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    if trust:
        environment += [{"name": one, "value": "/ca/ca-certificates.crt"} for one in ("SSL_CERT_FILE", "PIP_CERT")]
        container["volumeMounts"] = [{"name": "ca", "mountPath": "/ca"}]
        spec["volumes"] = [{"name": "ca", "configMap": {"name": "dagy-ca-bundle"}}]
    metadata = {"name": name, "labels": {LABEL: "true"}, "annotations": dict(way.annotations)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def marks(log: str) -> dict[str, float]:
    """When the pod's code had begun, imported and ended, as far as its log says: seconds since 1970 (UTC)."""
    return {what: float(when) for what, when in _MARK.findall(log)}


@dataclass(frozen=True)
class Pull:
    """What the kubelet tells of an image that it has pulled."""

    seconds: float
    size: int


_PULLED = re.compile(r'^Successfully pulled image "([^"]+)" in ([0-9.hms]+) .*Image size: (\d+) bytes')
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def pull_of(image: str, messages: Sequence[str]) -> Pull | None:
    """The pull of an image, out of the messages of a pod's events; None when there was none."""
    found = [match for match in map(_PULLED.match, messages) if match and match[1] == image]
    if not found:
        return None
    parts = re.findall(r"([0-9.]+)(h|ms|m|s)", found[-1][2])
    return Pull(sum(float(number) * _UNITS[unit] for number, unit in parts), int(found[-1][3]))
