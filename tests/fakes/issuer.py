"""An OpenID Connect issuer (OpenID Connect Core 1.0, 3.1; RFC 7636): whoever is chosen on its page is signed in."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.cluster import pki

CLIENT, SECRET = "dagy-console", "secret-of-the-console"
_KEY = "1"


class Issuer:
    """Its people, and what it has given out."""

    def __init__(self, people: Mapping[str, Sequence[str]], token_seconds: float) -> None:
        """`people`: mail addresses and the groups of each; `token_seconds`: how long an ID token is good."""
        self.people, self.token_seconds = people, token_seconds
        self.url, self.authority = "", b""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._given: dict[str, dict[str, str]] = {}

    def document(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, 3)."""
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        """Its public key (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY, "n": n, "e": e}]}

    def code(self, asked: Mapping[str, str], person: str) -> str:
        """A code for that person, who came with the client's request."""
        assert person in self.people
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        return self._give({**asked, "person": person})

    def tokens(self, form: Mapping[str, str], client: tuple[str, str]) -> dict[str, Any]:
        """What a code or a refresh token is good for, once. Raises KeyError or AssertionError."""
        assert client == (CLIENT, SECRET)
        refreshed = form["grant_type"] == "refresh_token"
        asked = self._given.pop(form["refresh_token" if refreshed else "code"])
        if not refreshed:
            verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert asked["code_challenge"] == _base64(verifier)
            assert asked["redirect_uri"] == form["redirect_uri"]
        return {
            "token_type": "Bearer", "access_token": secrets.token_urlsafe(), "refresh_token": self._give(asked),
            "id_token": self.id_token(asked["person"], asked.get("nonce", "")), "expires_in": int(self.token_seconds),
        }  # fmt: skip

    def id_token(self, person: str, nonce: str = "") -> str:
        """Signed, for this person."""
        now = time.time()
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": person, "email": person, "email_verified": True, "nonce": nonce,
            "groups": list(self.people[person]), "iat": int(now), "exp": int(now + self.token_seconds),
        }  # fmt: skip
        parts = ({"alg": "RS256", "typ": "JWT", "kid": _KEY}, claims)
        signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64(self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"

    def _give(self, asked: Mapping[str, str]) -> str:
        secret = secrets.token_urlsafe()
        self._given[secret] = dict(asked)
        return secret


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        issuer = cast("_Server", self.server).issuer
        match url.path:
            case "/.well-known/openid-configuration":
                self._answer(issuer.document())
            case "/keys":
                self._answer(issuer.keys())
            case "/authorize":
                self._page([(person, f"/chosen?{urlencode({**query, 'person': person})}") for person in issuer.people])
            case "/chosen":
                back = {"code": issuer.code(query, query["person"]), "state": query["state"]}
                self.send_response(302)
                self.send_header("Location", f"{query['redirect_uri']}?{urlencode(back)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: values[0] for name, values in form.items()}
        basic = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        name, _, secret = basic.partition(":")
        client = (name or given.get("client_id", ""), secret or given.get("client_secret", ""))
        try:
            self._answer(cast("_Server", self.server).issuer.tokens(given, client))
        except (KeyError, AssertionError):
            self._answer({"error": "invalid_grant"}, 400)

    def _page(self, people: Sequence[tuple[str, str]]) -> None:
        links = "".join(f'<li><a href="{html.escape(to)}">{html.escape(person)}</a></li>' for person, to in people)
        page = f"<!doctype html><html lang=en><title>Issuer</title><h1>Who are you?</h1><ul>{links}</ul>"
        self._send(page.encode(), "text/html", 200)

    def _answer(self, value: object, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, body: bytes, media_type: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    issuer: Issuer


@contextmanager
def issuing(folder: Path, people: Mapping[str, Sequence[str]], token_seconds: float = 600.0) -> Iterator[Issuer]:
    """Serve it over TLS, with a certificate of an authority of its own."""
    issuer, authority = Issuer(people, token_seconds), pki.new_authority("authority of the issuer")
    pair = folder / "issuer.pem"
    pair.write_bytes(b"".join(pki.issue(authority, "issuer", hosts=["127.0.0.1"])))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.issuer = issuer
    issuer.url, issuer.authority = f"https://127.0.0.1:{server.server_address[1]}", authority.pem
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _base64(data: bytes) -> str:
    """As JSON Web Tokens have it (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
