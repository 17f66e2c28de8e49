"""A package's own indexes: the Secrets and certificates that it may use, and refusals of others. Pure.

A user who may create packages need not be allowed to read Secrets. So a Secret says itself that it is for package
indexes (its type) and names the place that it may be sent to (its key `url`), and no value of it is ever part of a
message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.package.observed import IndexAccess
from dagy.core.package.plan import BuildPlan
from dagy.model import constants as names
from dagy.model.spec import CaBundle, Index
from dagy_builder.contract import Fault
from dagy_builder.indexes.credentials import KEYS, Credential, credential_of
from dagy_builder.url import IndexUrl

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_BASE64_LINE = re.compile(r"[A-Za-z0-9+/=]+")
_MOST_CERTIFICATES_BYTES = 200_000

Json = Mapping[str, Any]


class Unreadable(Enum):
    """The reason that an object could not be read."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"


Found = Json | Unreadable


@dataclass(frozen=True)
class References:
    """The objects that the operator has to read in the package's namespace before it may start a Job."""

    secrets: tuple[str, ...] = ()
    ca_bundle: CaBundle | None = None

    def __bool__(self) -> bool:
        return bool(self.secrets or self.ca_bundle)


def references_of(plan: BuildPlan) -> References:
    """Return the objects that the package's index settings name."""
    index = plan.spec.index or Index()
    return References(tuple(index.secret_names), index.ca_bundle)


def access_of(
    plan: BuildPlan, secrets: Mapping[str, Found], bundle: Found | None, default_index: str = ""
) -> IndexAccess | Failure:
    """Return the Job's access, or the first failure that prevents it; `bundle` is the object with the certificates."""
    namespace = plan.key.namespace
    credentials: list[Credential] = []
    kept: list[tuple[str, Mapping[str, str]]] = []
    for name, secret in secrets.items():
        if isinstance(secret, Unreadable):
            return _unreadable(StateReason.INDEX_SECRET_UNUSABLE, "Secret", name, namespace, secret)
        if secret.get("type") != names.INDEX_CREDENTIALS_TYPE:
            return _unusable(
                StateReason.INDEX_SECRET_UNUSABLE,
                f"Secret {name} is not of type {names.INDEX_CREDENTIALS_TYPE}, so it may not be sent to a package "
                "index. Create it anew with that type.",
            )
        try:
            fields = _decoded(secret)
            credentials.append(credential_of(f"Secret {name}", fields))
        except ValueError as error:
            return _unusable(StateReason.INDEX_SECRET_UNUSABLE, f"Secret {name} {error}. Correct it.")
        kept.append((name, fields))
    if credentials and not _any_covered(plan, credentials, default_index):
        return _unusable(
            StateReason.INDEX_SECRET_UNUSABLE,
            "None of the Secrets in spec.index.secretNames is for an index of this package: a Secret is sent to the "
            "URL under its key url and below. Correct spec.index.url, spec.index.extraUrls or that key.",
        )
    certificates = _certificates(plan, bundle)
    return certificates if isinstance(certificates, Failure) else IndexAccess(tuple(kept), certificates)


def _decoded(secret: Json) -> dict[str, str]:
    data = secret.get("data") or {}
    try:
        return {key: base64.b64decode(data[key], validate=True).decode() for key in KEYS if key in data}
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("holds bytes that are no UTF-8 text") from None


def _any_covered(plan: BuildPlan, credentials: Sequence[Credential], default_index: str) -> bool:
    index = plan.spec.index or Index()
    urls = [*index.extra_urls, index.url or default_index]
    return any(one.covers(place) for one in credentials for place in _readable(urls))


def _readable(urls: Iterable[str]) -> Iterator[IndexUrl]:
    for url in urls:
        with suppress(ValueError):  # the validation tells its fault
            yield IndexUrl(url)


def _certificates(plan: BuildPlan, found: Found | None) -> str | Failure:
    bundle = references_of(plan).ca_bundle
    if bundle is None:
        return ""
    kind, reference = place_of(bundle)
    reason = StateReason.CA_BUNDLE_UNUSABLE
    if found is None or isinstance(found, Unreadable):
        return _unreadable(reason, kind, reference.name, plan.key.namespace, found or Unreadable.MISSING)
    text = (found.get("data") or {}).get(reference.key, "")
    if kind == "Secret":
        text = base64.b64decode(text).decode("ascii", errors="replace")
    if len(text) > _MOST_CERTIFICATES_BYTES:
        return _unusable(
            reason,
            f"{kind} {reference.name} holds more than 200 kB under the key {reference.key}, which spec.index.caBundle "
            "names. Keep only the certificates of the indexes' authority.",
        )
    blocks = list(_certificates_in(text))
    if not blocks:
        return _unusable(
            reason,
            f"{kind} {reference.name} holds no PEM certificate under the key {reference.key}, which "
            "spec.index.caBundle names. Put the authority's certificate there, or correct the key.",
        )
    return "\n".join(blocks) + "\n"


def _certificates_in(text: str) -> Iterator[str]:
    """The certificates of a text in PEM (RFC 7468), with any text between them; line by line, once."""
    block: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line == _BEGIN:
            block = [line]
        elif block and line == _END:
            if len(block) > 1:
                yield "\n".join([*block, line])
            block = []
        elif block and _BASE64_LINE.fullmatch(line):
            block.append(line)
        else:
            block = []


def place_of(bundle: CaBundle) -> tuple[str, Any]:
    """Kind and reference of the certificates' place."""
    if bundle.config_map_key_ref:
        return "ConfigMap", bundle.config_map_key_ref
    return "Secret", bundle.secret_key_ref


def _unreadable(reason: StateReason, kind: str, name: str, namespace: str, why: Unreadable) -> Failure:
    setting = "spec.index.secretNames" if reason is StateReason.INDEX_SECRET_UNUSABLE else "spec.index.caBundle"
    if why is Unreadable.MISSING:
        return _unusable(
            reason,
            f"There is no {kind} {name} in namespace {namespace}, and {setting} names it. Create it, or correct the "
            "name.",
        )
    role = names.INDEX_CREDENTIALS_ROLE
    return _unusable(
        reason,
        f"The operator may not read {kind} {name} in namespace {namespace}, which {setting} names. Who administers the "
        f"namespace can allow it: `kubectl --namespace {namespace} create rolebinding {role} --clusterrole={role} "
        f"--serviceaccount={':'.join(names.OPERATOR_ACCOUNT)}`.",
    )


def _unusable(reason: StateReason, message: str) -> Failure:
    return Failure(reason, message, Fault.USER)
