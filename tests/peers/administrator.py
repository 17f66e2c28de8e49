"""The API server by plain HTTP, for threads that look often: kubectl takes more of the machine than what is tested."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]


class Administrator:
    """Whoever a kubeconfig with a client certificate is for. Serves several threads."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        pair = kubeconfig.with_suffix(".pem")
        pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("key", "certificate")))
        context = ssl.create_default_context(cadata=authority)
        context.load_cert_chain(pair)
        self._client = httpx.Client(base_url=cluster["server"], verify=context, timeout=60)

    def get(self, path: str) -> Json:
        """The object, or nothing when it is not there."""
        answer = self._client.get(path)
        if answer.status_code == 404:
            return {}
        return self._read(answer)

    def items(self, path: str) -> list[Json]:
        """The objects of a list."""
        return list(self.get(path)["items"])

    def post(self, path: str, body: Json) -> httpx.Response:
        """The answer, whatever it is."""
        return self._client.post(path, json=body)

    def merge(self, path: str, body: Json) -> Json:
        """The object after a merge patch."""
        return self._read(self._client.patch(path, json=body, headers={"Content-Type": "application/merge-patch+json"}))

    def apply(self, path: str, body: Json) -> Json:
        """The object after a server-side apply."""
        query = {"fieldManager": "administrator", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return self._read(self._client.patch(path, params=query, content=json.dumps(body), headers=headers))

    def delete(self, path: str) -> None:
        """Nothing when it is gone already."""
        answer = self._client.delete(path)
        if answer.status_code != 404:
            self._read(answer)

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _read(answer: httpx.Response) -> Json:
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found
