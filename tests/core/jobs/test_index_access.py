"""Which Secrets and certificates a package's Job gets, and the sentence for each reason why not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dagy.core.common.failure import Failure
from dagy.core.jobs.index_access import Found, Unreadable, access_of, references_of
from dagy.core.jobs.index_pod import secret_data
from dagy.core.package.observed import IndexAccess
from dagy.model import constants as names
from dagy_builder.contract import Fault
from tests.fakes.facts import plan

URL = "https://pkg.example/team/simple/"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(kind: str = names.INDEX_CREDENTIALS_TYPE, **fields: str) -> dict[str, Any]:
    given = fields or {"url": "https://pkg.example/team", "username": "ci", "password": "hunter2-hunter2"}
    return {"type": kind, "data": {key: b64(value) for key, value in given.items()}}


def access(found: Found, bundle: Found | None = None, **index: Any) -> IndexAccess | Failure:
    return access_of(plan(index={"url": URL, "secretNames": ["team"], **index}), {"team": found}, bundle)


def test_a_job_gets_the_known_keys_and_no_others() -> None:
    found = access(secret(url="https://pkg.example/", token="hunter2-hunter2", other="x"))
    assert isinstance(found, IndexAccess)
    assert found.credentials == (("team", {"url": "https://pkg.example/", "token": "hunter2-hunter2"}),)
    assert "hunter2" not in repr(found)
    assert secret_data(found) == {
        "0.url": "https://pkg.example/",
        "0.username": "",
        "0.password": "",
        "0.token": "hunter2-hunter2",
    }


BINDING = (
    "kubectl --namespace team-a create rolebinding dagy-index-credentials-reader "
    "--clusterrole=dagy-index-credentials-reader --serviceaccount=dagy-system:dagy-operator"
)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Unreadable.MISSING, "There is no Secret team in namespace team-a, and spec.index.secretNames names it."),
        (Unreadable.FORBIDDEN, BINDING),
        (secret("Opaque"), "Secret team is not of type dagy.io/index-credentials"),
        (secret("kubernetes.io/tls", password="hunter2"), "not of type"),
        (secret(password="hunter2", username="u"), "needs the key url"),
        (secret(url="https://pkg.example/"), "needs the keys username and password, or the key token"),
        (secret(url="https://pkg.example/other", token="hunter2"), "None of the Secrets"),
        (secret(url="http://pkg.example/team", token="hunter2"), "None of the Secrets"),
        ({"type": names.INDEX_CREDENTIALS_TYPE, "data": {"url": "/w=="}}, "no UTF-8 text"),
        ({"type": names.INDEX_CREDENTIALS_TYPE}, "needs the key url"),
    ],
)
def test_secrets_that_are_refused(found: Found, sentence: str) -> None:
    failure = access(found)
    assert isinstance(failure, Failure)
    assert sentence in failure.message
    assert (failure.reason, failure.fault) == ("IndexSecretUnusable", Fault.USER)
    assert "hunter2" not in failure.message
    assert "pkg.example/other" not in failure.message


def test_the_operators_index_counts_where_the_package_names_none() -> None:
    asked = plan(index={"secretNames": ["team"]})
    assert isinstance(access_of(asked, {"team": secret()}, None, URL), IndexAccess)
    assert isinstance(access_of(asked, {"team": secret()}, None), Failure)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ({"configMapKeyRef": {"name": "ca"}}, {"data": {"ca.crt": f"{PEM}\n"}}),
        ({"secretKeyRef": {"name": "ca", "key": "tls"}}, {"data": {"tls": b64(f"{KEY}\n{PEM}\n")}}),
    ],
)
def test_only_certificates_leave_a_bundle(reference: dict[str, Any], found: Found) -> None:
    got = access(secret(), found, caBundle=reference)
    assert isinstance(got, IndexAccess)
    assert got.certificates == f"{PEM}\n"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Unreadable.MISSING, "There is no ConfigMap ca in namespace team-a, and spec.index.caBundle names it."),
        (Unreadable.FORBIDDEN, BINDING),
        ({"data": {"other": PEM}}, "ConfigMap ca holds no PEM certificate under the key ca.crt"),
        ({"data": {"ca.crt": KEY}}, "no PEM certificate"),
        ({"data": {"ca.crt": PEM.replace("MIIB", "MIIB" * 60_000)}}, "more than 200 kB"),
        ({"data": {"ca.crt": "-----BEGIN CERTIFICATE-----" + "\n" * 199_000}}, "no PEM certificate"),
        ({"data": {"ca.crt": PEM.replace("MIIB", "not base64")}}, "no PEM certificate"),
        ({"data": {"ca.crt": PEM.replace("MIIB\n", "")}}, "no PEM certificate"),
    ],
)
def test_bundles_that_are_refused(found: Found, sentence: str) -> None:
    failure = access(secret(), found, caBundle={"configMapKeyRef": {"name": "ca"}})
    assert isinstance(failure, Failure)
    assert failure.reason == "CaBundleUnusable"
    assert sentence in failure.message


def test_packages_that_name_nothing_need_no_look() -> None:
    assert not references_of(plan())
    assert not references_of(plan(index={"url": URL}))
    assert access_of(plan(), {}, None) == IndexAccess()


def test_another_secret_is_another_validation_and_older_hashes_stay() -> None:
    before = plan(index={"url": URL}).spec_hash
    assert plan(index={"url": URL, "secretNames": []}).spec_hash == before
    assert plan(index={"url": URL, "secretNames": ["team"]}).spec_hash != before
