"""Telling others whom to trust: the API server by caBundle, the webhook (and through it pods) by a ConfigMap."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from typing import Any

from dagy.adapters.kube.api import KubeApi, namespaced
from dagy.model import constants as names

log = logging.getLogger(__name__)

_NOWHERE: Mapping[str, str | None] = {}
_CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


class WebhookBundle:
    """The caBundle of the webhook configurations."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def publish(self, authorities: str) -> None:
        """Put these PEM certificates where the API server looks for them."""
        bundle = base64.b64encode(authorities.encode()).decode()
        for kind in _CONFIGURATIONS:
            path = f"/apis/admissionregistration.k8s.io/v1/{kind}/{names.ATTACH_CONTAINER}"
            configuration = await self._api.get(path)
            webhooks: list[Any] = (configuration or {}).get("webhooks") or []
            patch = [
                # "test" first: the position is right only as long as the list is the one that was read.
                operation
                for index, webhook in enumerate(webhooks)
                if webhook["clientConfig"].get("caBundle") != bundle
                for operation in (
                    {"op": "test", "path": f"/webhooks/{index}/name", "value": webhook["name"]},
                    {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle},
                )
            ]
            if patch:
                await self._api.request("PATCH", path, body=patch, content_type="application/json-patch+json")
                log.info("Published the authority in %s %s", kind, names.ATTACH_CONTAINER)


class ApiAuthority:
    """By which certificates pods and users know the API, and where it is: it writes them itself, others read them."""

    def __init__(self, api: KubeApi, namespace: str, address: Mapping[str, str | None] = _NOWHERE) -> None:
        """`address`: what else is written, by key; None for what must not be there."""
        self._api, self._path = api, namespaced("configmaps", namespace, names.API_CONFIG_MAP)
        self._address = address
        self.pem = ""
        """Certificates (PEM) that were read or written last; empty as long as the API has published nothing."""

    async def publish(self, authorities: str) -> None:
        """Write them, if they are new."""
        wanted = {names.API_AUTHORITY_KEY: authorities, **self._address}
        found = await self._data()
        if any(found.get(key) != value for key, value in wanted.items()):
            await self._api.merge(self._path, {"data": wanted})
            log.info("Published the API's authority and address in ConfigMap %s", names.API_CONFIG_MAP)
        self.pem = authorities

    async def look(self) -> None:
        """Read them again."""
        self.pem = (await self._data()).get(names.API_AUTHORITY_KEY) or self.pem

    async def run(self, seconds: float) -> None:
        """Look at intervals until cancelled; what goes wrong is tried again."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("Reading the API's authority failed; trying again")
            await asyncio.sleep(seconds if self.pem else min(1.0, seconds))

    async def _data(self) -> dict[str, str]:
        return ((await self._api.get(self._path)) or {}).get("data") or {}
