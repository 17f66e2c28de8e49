"""A package index that misbehaves on purpose. It runs in a pod, with nothing but the standard library.

Packages: `fine`; `big`, of 60 MB that can't be compressed; `slow`, whose metadata comes but whose wheel never does;
`changing`, whose wheel is another one as soon as /tmp/replaced is there; `hangs`, whose page never comes.
"""

import base64
import hashlib
import io
import random
import threading
import zipfile
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAYLOADS = {"fine": 10, "slow": 10, "changing": 10, "big": 60 << 20}
REPLACED = Path("/tmp/replaced")
NEVER = threading.Event()


def metadata(name: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()


@cache
def wheel(name: str, seed: int = 1) -> bytes:
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/data.bin": random.Random(seed).randbytes(PAYLOADS[name]),
        f"{info}/METADATA": metadata(name),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return out.getvalue()


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def answer(path: str) -> tuple[str, bytes] | None:
    kind, _, rest = path.strip("/").partition("/")
    if kind == "simple" and rest in PAYLOADS:
        file = f"{rest}-1.0-py3-none-any.whl"
        link = f"../../files/{file}#sha256={hashlib.sha256(wheel(rest)).hexdigest()}"
        return "text/html", f'<!DOCTYPE html><a href="{link}" data-core-metadata="true">{file}</a>'.encode()
    name = rest.partition("-")[0]
    if (kind == "simple" and rest == "hangs") or (kind == "files" and rest == "slow-1.0-py3-none-any.whl"):
        NEVER.wait()
    if kind != "files" or name not in PAYLOADS:
        return None
    if rest.endswith(".metadata"):
        return "text/plain", metadata(name)
    return "application/octet-stream", wheel(name, 2 if name == "changing" and REPLACED.exists() else 1)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, body = answer(self.path) or ("text/plain", b"")
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    wheel("big")
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
