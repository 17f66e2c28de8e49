"""The API on the cluster, as somebody outside reaches it who may edit one namespace."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.e2e.kube import SYSTEM, Kube

PORT = 30443
ACCOUNT = "outside"


def api_environment(kube: Kube, folder: Path) -> dict[str, str]:
    """URL, token and certificates, as variables; for a service account that is made in the namespace of `kube`."""
    kube("create", "serviceaccount", ACCOUNT)
    kube("create", "rolebinding", ACCOUNT, "--clusterrole=edit", f"--serviceaccount={kube.namespace}:{ACCOUNT}")
    tls = kube.get("secret", "dagy-api-tls", namespace=SYSTEM)["data"]
    (folder / "ca.crt").write_bytes(base64.b64decode(tls["ca.crt"]))
    address = kube.get("configmap", "dagy-api", namespace=SYSTEM)["data"]["DAGY_API_HOSTS"]
    return {
        "DAGY_API_URL": f"https://{address}:{PORT}",
        "DAGY_API_TOKEN": kube("create", "token", ACCOUNT, "--duration=1h").strip(),
        "DAGY_CA_FILE": str(folder / "ca.crt"),
    }
