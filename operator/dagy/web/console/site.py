"""GET /console/: the console's page at every path below, and what the page loads, by names that change with the bytes.

`make console` makes the files in static/ from operator/console.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

STATIC = Path(__file__).parent / "static"
_BASE = '<base href="./">'
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    """One file that the page loads."""

    media_type: str
    plain: bytes
    compressed: bytes


@cache
def assets() -> dict[str, Asset]:
    """What the page loads, by name; read once."""
    found = {path.name: path for path in (STATIC / "assets").iterdir()}
    return {name: _asset(path) for name, path in found.items()}


def _asset(path: Path) -> Asset:
    plain = path.read_bytes()
    return Asset(_TYPES[path.suffix], plain, gzip.compress(plain, mtime=0))


@cache
def _page() -> str:
    return (STATIC / "index.html").read_text()


def page_below(path: str) -> str:
    """The page for a path below /console/. Its <base> leads back there, whatever stands before it in the browser."""
    return _page().replace(_BASE, f'<base href="{"../" * path.count("/") or "./"}">')


@router.get("/")
async def from_root() -> Response:
    """From the API's root to the console."""
    return RedirectResponse("console/", headers=HEADERS)


@router.get("/console")
async def without_slash() -> Response:
    """Relative, for a browser that sees another prefix than the API."""
    return RedirectResponse("console/", headers=HEADERS)


@router.get("/console/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A file that the page loads."""
    found = assets().get(name)
    if found is None:  # of an earlier release
        raise HTTPException(404, "The console has no such file; load its page again")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**HEADERS, **_FOR_EVER, "Content-Encoding": "gzip"}
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.plain, headers={**HEADERS, **_FOR_EVER}, media_type=found.media_type)


@router.get("/console/{path:path}")
async def page(path: str) -> Response:
    """The page; what it shows there it finds out itself."""
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(page_below(path), headers=headers, media_type="text/html")
