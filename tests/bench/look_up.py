"""The API's look-up by slug among many packages, beside what a client of Kubernetes would do by itself."""

from __future__ import annotations

import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.fakes.api import Users, serving
from tests.fakes.controller import NAMESPACE
from tests.fakes.kubelet import BUCKET

WARM_UP, REQUESTS, AT_ONCE = 50, 1000, 8


def measure(kubeconfig: Path, say: Callable[[str], None]) -> list[list[str]]:
    """Rows of what, median and 99th percentile in milliseconds. The packages are there."""
    users = Users(str(kubeconfig))
    users.create("reader", views=NAMESPACE)
    users.create_api()
    listed = users.kubectl("get", "slugclaims", "-o", "jsonpath={range .items[*]}{.spec.slug} {.spec.name}{'\\n'}{end}")
    packages = [(slug, name) for slug, name in (line.split() for line in listed.splitlines())]
    chosen = random.Random(1).sample(packages, min(len(packages), WARM_UP + REQUESTS))
    server = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    objects = f"{server}/apis/dagy.io/v1/namespaces/{NAMESPACE}/deppackages"
    token = users.token("reader")
    with (
        serving(str(kubeconfig), users, BUCKET) as api,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as client,
    ):

        def timed(urls: Sequence[str], at_once: int) -> list[float]:
            return client.submit(_ask, urls, token, at_once).result(600)

        by_slug = [f"{api.url}/dep-packages/by-slug/{slug}" for slug, _ in chosen]
        search = [f"{api.url}/dep-packages?namespace={NAMESPACE}&search={name}&limit=20" for _, name in chosen[:6]]
        page = [f"{api.url}/dep-packages?namespace={NAMESPACE}&limit=100"] * 30
        direct = [f"{objects}/{name}" for _, name in chosen]
        selected = [f"{objects}?fieldSelector=status.slug%3D{slug}" for slug, _ in chosen[:20]]
        rows = []
        for what, urls, at_once in (
            ("GET /dep-packages/by-slug/{slug}, one after the other", by_slug, 1),
            (f"the same, {AT_ONCE} at once", by_slug, AT_ONCE),
            ("for comparison: GET of one package from Kubernetes, its name known", direct, 1),
            ("for comparison: LIST from Kubernetes with fieldSelector=status.slug", selected, 1),
            ("GET /dep-packages, a page of 100", page, 1),
            ("GET /dep-packages?search=, through all of them", search, 1),
        ):
            rows.append(_row(what, timed(urls, at_once)))
            say(f"scale: {': '.join(rows[-1][:2])}")
        return rows


def _row(what: str, seconds: Sequence[float]) -> list[str]:
    kept = sorted(seconds[min(WARM_UP, len(seconds) // 5) :])
    return [what, *(f"{1000 * value:.1f} ms" for value in (statistics.median(kept), kept[int(0.99 * len(kept))]))]


def _ask(urls: Sequence[str], token: str, at_once: int) -> list[float]:
    """Seconds of each request; in a process of its own, so that client and server don't share a lock."""
    # The API server's certificate is of a private authority, and nothing is at stake.
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, verify=False, timeout=120) as client:
        ask = _one(client)
        if at_once == 1:
            return [ask(url) for url in urls]
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(ask, urls))


def _one(client: httpx.Client) -> Callable[[str], float]:
    def ask(url: str) -> float:
        started = time.perf_counter()
        client.get(url).raise_for_status()
        return time.perf_counter() - started

    return ask
