"""The web console before 10,000 real packages: what somebody waits for in a browser, and what many browsers cost the API.

API server, etcd, S3, the API's process and Chromium are real and on this machine; there is no kubelet, so this program writes
the status of packages. `dagy` serves all over TLS, as in a cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from playwright.sync_api import Browser, Page, sync_playwright

from dagy.adapters.kube.api import KubeApi, deppackage_path
from dagy.model import constants as names
from dagy.web.console.site import STATIC
from dagy_builder.storage.store import ObjectStore
from tests.bench.timing import CannotRunError
from tests.cluster.controlplane import control_plane
from tests.cluster.layout import REPO, current_layout
from tests.console import given
from tests.fakes.api import PREFIX, Users, artifact_status, folder_of
from tests.fakes.connections import connect
from tests.fakes.kubelet import BUCKET
from tests.fakes.sse import watching
from tests.fakes.tls import Served, served
from tests.s3server import s3_server

PACKAGES, BROWSERS, WATCHES_EACH, CHANGES, LOG_LINES = 10_000, 50, 8, 100, 200_000
NAMESPACE, USER = "bench", "bench-0"
CHROMIUM = Path("/usr/bin/chromium-headless-shell")
_AT_ONCE, _ROUNDS, _IDLE_SECONDS = 64, 5, 20.0
_PHASES = ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "INVALID", "VALID")
_PAINTED = """
  new MutationObserver(() => {
    if (!window.first && document.querySelector("a.name")) requestAnimationFrame(() => (window.first ??= performance.now()));
    if (document.querySelector(".tally")?.textContent === "ALL packages") window.whole ??= performance.now();
  }).observe(document, { childList: true, subtree: true, characterData: true });
"""
_KEYS = """async () => {
  const box = document.querySelector("input[type=search]");
  const measured = [];
  for (const words of ["9", "99", "999", "99", "9", "", "p", "pa", "pac", "zip of 42 mb", ""]) {
    const from = performance.now();
    box.value = words;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    measured.push(performance.now() - from);
  }
  return measured;
}"""
_LAST_LINE = """async () => {
  const from = performance.now();
  [...document.querySelectorAll("a")].find((link) => link.textContent === "Build Logs").click();
  while (!document.querySelector(".log")?.lastElementChild?.textContent.includes("LAST")) await new Promise(requestAnimationFrame);
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - from;
}"""


def measure(say: Callable[[str], None]) -> list[list[str]]:
    """Rows of what and how much. Raises CannotRunError where something is missing."""
    programs = [current_layout().bin / name for name in ("kube-apiserver", "etcd", "kubectl", "versitygw")]
    missing = [str(path) for path in (*programs, CHROMIUM) if not path.exists()]
    if missing:
        raise CannotRunError(f"{', '.join(missing)} can't be found: run `make test-browser` once")
    with _api(say) as api, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        rows = [*_lists(browser, api), *_toasts(browser, api), *_logs(browser, api), *_bundle()]
        browser.close()
        say("console: the pages are measured")
        return [*rows, *_many(api)]


@contextlib.contextmanager
def _api(say: Callable[[str], None]) -> Iterator[Served]:
    """The API's process with all the packages."""
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="dagy-bench-console-")))
        (folder / "s3").mkdir()
        running.enter_context(mock.patch.dict(os.environ))  # sections that follow must not find this S3
        os.environ |= running.enter_context(s3_server(folder / "s3", BUCKET))
        kubeconfig = str(running.enter_context(control_plane(current_layout(), folder)))
        users = Users(kubeconfig)
        users.kubectl("apply", "--server-side", "-k", str(REPO / "crds"))
        users.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        users.kubectl("apply", "--server-side", "-f", str(REPO / "manifests/base/user-roles.yaml"))
        for namespace in (NAMESPACE, "dagy-builds", "dagy-system"):
            users.kubectl("create", "namespace", namespace)
        for number in range(-(-BROWSERS // WATCHES_EACH)):
            users.create(f"bench-{number}", edits=NAMESPACE)
        asyncio.run(_fill(kubeconfig))
        say(f"console: {PACKAGES:,} packages made")
        yield running.enter_context(
            served(kubeconfig, folder, DAGY_SEARCH="false", DAGY_S3_BUCKET=BUCKET, DAGY_S3_PREFIX=PREFIX)
        )


async def _fill(kubeconfig: str) -> None:
    admin, limit = await connect(kubeconfig), asyncio.Semaphore(_AT_ONCE)
    try:
        await asyncio.gather(*(_make(admin, limit, number) for number in range(PACKAGES)))
    finally:
        await admin.close()


async def _make(admin: KubeApi, limit: asyncio.Semaphore, number: int) -> None:
    name, phase = f"package-{number}", _PHASES[number % len(_PHASES)]
    spec = {
        "pythonVersion": f"3.{10 + number % 4}",
        "dependencies": ["idna", "requests>=2.31,<3"],
        "buildPolicy": "Manual",
    }
    body = {
        "apiVersion": names.API_VERSION, "kind": names.DEPPACKAGE_KIND,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {**spec, "displayName": f"Package {number}"},
    }  # fmt: skip
    async with limit:
        made = await admin.create(deppackage_path(NAMESPACE, "").rstrip("/"), body)
        assert made, name
        made["status"] = {
            "phase": phase, "slug": f"{number:08}", "message": f"37 packages in a ZIP of {number} MB.",
            "observedGeneration": 1, "conditions": given.conditions(phase, settled=True),
            "artifact": artifact_status(f"s3://{BUCKET}/{name}.zip", name.encode()),
        }  # fmt: skip
        await admin.replace(deppackage_path(NAMESPACE, name, "status"), made)


@contextlib.contextmanager
def _visit(browser: Browser, api: Served, path: str, script: str = "") -> Iterator[Page]:
    """A page in a new profile of the browser."""
    viewport: Any = {"width": 1280, "height": 800}
    with browser.new_context(viewport=viewport, ignore_https_errors=True) as context:
        page = context.new_page()
        page.add_init_script(f"sessionStorage.setItem('dagy.token', '{api.users.token(USER)}'); {script}")
        page.goto(f"{api.url}/console/{path}")
        yield page


def _lists(browser: Browser, api: Served) -> list[list[str]]:
    first, whole, keys = [], [], []
    for _ in range(_ROUNDS):
        with _visit(browser, api, f"packages?ns={NAMESPACE}", _PAINTED.replace("ALL", f"{PACKAGES:,}")) as page:
            page.wait_for_function("() => window.whole", timeout=60_000)
            first.append(page.evaluate("() => window.first"))
            whole.append(page.evaluate("() => window.whole"))
            keys += page.evaluate(_KEYS)
    return [
        [f"first rows of a list of {PACKAGES:,}, from an empty cache", _seconds(first)],
        ["all of them there", _seconds(whole)],
        ["a key press to the filtered list", f"{statistics.median(keys):.0f} ms, {max(keys):.0f} ms at most"],
    ]


def _toasts(browser: Browser, api: Served) -> list[list[str]]:
    """From the moment at which the cluster has the status until the toast is in the page."""
    seconds = []
    with _visit(browser, api, f"packages?ns={NAMESPACE}") as page:
        page.get_by_text("Live", exact=True).wait_for(timeout=60_000)
        for number in range(_ROUNDS):
            name = f"package-{number}"
            found = api.users.kubectl("get", "deppackage", name, f"--namespace={NAMESPACE}", "-o", "json")
            uid, title = json.loads(found)["metadata"]["uid"], f"Package {number} is built."
            given.tell(
                api.users, name, {"phase": "INSTALLING", "conditions": given.conditions("INSTALLING", False)}, NAMESPACE
            )
            started = {uid: {"namespace": NAMESPACE, "name": name, "at": time.time() * 1000}}
            page.evaluate("(text) => localStorage.setItem('dagy.builds', text)", json.dumps(started))
            over = {"phase": "COMPLETED", "conditions": given.conditions("COMPLETED", True)}
            given.tell(api.users, name, over, NAMESPACE)
            settled = time.perf_counter()
            page.get_by_text(title).wait_for(timeout=60_000)
            seconds.append(1000 * (time.perf_counter() - settled))
    return [["settled to toast", _seconds(seconds)]]


def _logs(browser: Browser, api: Served) -> list[list[str]]:
    """A finished build's log, which is in S3: from the click until its last line is drawn."""
    name, slug = "package-0", "BENCHLOG"
    key = f"{folder_of(api.users, NAMESPACE, name, slug)}/logs/build.log"
    text = "".join(f"+ package-{number}=={LOG_LINES + number}.0\n" for number in range(LOG_LINES))
    ObjectStore(BUCKET).put(key, text.encode(), "text/plain")
    over = {"phase": "COMPLETED", "conditions": given.conditions("COMPLETED", settled=True)}
    build = {"attempt": 1, "logUri": f"s3://{BUCKET}/{key}"}
    given.tell(api.users, name, {**over, "slug": slug, "build": build}, NAMESPACE)
    measured = []
    for _ in range(_ROUNDS):
        with _visit(browser, api, f"packages/{NAMESPACE}/{name}") as page:
            page.get_by_role("heading", name="Package 0").wait_for(timeout=60_000)
            measured.append(page.evaluate(_LAST_LINE.replace("LAST", f"+ package-{LOG_LINES - 1}==")))
    size = f"a log of {LOG_LINES:,} lines ({len(text) / 1e6:.1f} MB)"
    return [[f"{size}, from the click to its last line", _seconds(measured)]]


def _bundle() -> list[list[str]]:
    sizes = {
        kind: sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in (STATIC / "assets").glob(f"*.{kind}"))
        for kind in ("js", "css")
    }
    return [["JavaScript, and styles, compressed", f"{sizes['js'] / 1000:.1f} kB, {sizes['css'] / 1000:.1f} kB"]]


def _many(api: Served) -> list[list[str]]:
    """What the streams of so many browsers cost the API's process: at rest, and when packages change."""
    pid = _process_of(api)
    alone = _mebibytes(pid)
    with contextlib.ExitStack() as open_ones:
        streams = []
        for number in range(BROWSERS):
            token = api.users.token(f"bench-{number // WATCHES_EACH}")
            client = open_ones.enter_context(api.client(None))
            client.headers["Authorization"] = f"Bearer {token}"
            streams.append(open_ones.enter_context(watching(client, namespace=NAMESPACE)))
        for stream in streams:
            stream.until(lambda event: event.kind == "synced")
        before = _cpu_seconds(pid)
        time.sleep(_IDLE_SECONDS)  # what is measured is how they rest
        idle = (_cpu_seconds(pid) - before) / _IDLE_SECONDS
        before = _cpu_seconds(pid)
        for number in range(CHANGES):
            given.tell(api.users, f"package-{number}", {"message": f"Change {number}."}, NAMESPACE)
        for stream in streams:
            stream.until(lambda event: bool(event.data) and event.data.get("message") == f"Change {CHANGES - 1}.")
        busy = _cpu_seconds(pid) - before
        memory = _mebibytes(pid)
    return [
        ["memory of the API before", f"{alone:.0f} MiB"],
        [f"with the streams of {BROWSERS} browsers", f"{memory:.0f} MiB"],
        ["CPU of these, at rest", f"{100 * idle:.1f} % of a core"],
        [f"CPU for {CHANGES} changes, told to all of them", f"{busy:.1f} s"],
    ]


def _process_of(api: Served) -> int:
    port = api.url.rpartition(":")[2].encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if b"DAGY_API_PORT=" + port in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
    raise CannotRunError("the API's process can't be found")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _mebibytes(pid: int) -> float:
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _seconds(milliseconds: Sequence[float]) -> str:
    return f"{statistics.median(milliseconds) / 1000:.2f} s, {max(milliseconds) / 1000:.2f} s at most"
