"""The operator's process and a bucket behind an authority of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dagy.adapters.settings.operator import Settings
from dagy.controller import __main__ as process
from dagy_builder.storage.store import ObjectStore, StorageError
from tests.fakes.index import Authority
from tests.s3server import s3_server

pytestmark = pytest.mark.apiserver


class Asking:
    """In place of the operator: the first thing that it asks S3."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket

    async def run(self) -> None:
        await asyncio.to_thread(lambda: list(ObjectStore(self._bucket).list("")))


def test_added_authorities_are_trusted_and_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path)
    (tmp_path / "s3").mkdir()
    added = tmp_path / "ca"
    added.mkdir()
    (added / "ca-certificates.crt").write_bytes(authority.certificate.read_bytes())
    monkeypatch.setattr(process, "Operator", Asking)
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):  # which the process sets for itself
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with s3_server(tmp_path / "s3", "packages", tls=authority.server) as environment:
        for name, value in {**environment, "DAGY_S3_BUCKET": "packages", "DAGY_BUILDER_IMAGE": "builder:1"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StorageError, match="is not trusted"):
            process.main()
        monkeypatch.setenv("DAGY_CA_DIRECTORY", str(added))
        assert process.main() == 0
