"""Trust in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagy.attach.http import Client
from tests.cluster import pki


def test_public_authorities_are_not_read_before_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert Client("")._store_trust.cert_store_stats()["x509"] == 0
    added = Client("")
    added.added_authorities = pki.new_authority("of the store").pem.decode()
    assert added._store_trust.cert_store_stats()["x509"] == 1
    (tmp_path / "bundle.pem").write_text(added.added_authorities)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    assert Client("")._store_trust.cert_store_stats()["x509"] == 1, "whoever names a file means it"
