"""Questions to the API server: the owner of a token, and rights (authentication and authorization reviews)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagy.adapters.kube.api import Json, KubeApi
from dagy.core.rest.client_certificate import KubeUser
from dagy.model import constants as names
from dagy.model.base import NamespacedName

SELF_ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SELF_RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_TOKEN = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 a path
_PREFIX = "system:serviceaccount:"
_POD_NAME = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True)
class PodIdentity:
    """The service account and the pod that a bound token was made for."""

    namespace: str
    service_account: str
    pod: str
    user: dict[str, Any]
    """username, uid, groups and extra, as the token review gave them."""


async def may(api: KubeApi, verb: str, plural: str, namespace: str, name: str = "") -> bool:
    """Return True when the owner of `api`'s token may do that to one of our kinds."""
    return await _may(api, attributes(verb, plural, namespace, name))


async def may_with_pods(api: KubeApi, namespace: str, verb: str, subresource: str = "") -> bool:
    """Return True when the owner of `api`'s token may do that to the pods of a namespace."""
    wanted = {"resource": "pods", "namespace": namespace, "verb": verb}
    return await _may(api, {**wanted, "subresource": subresource} if subresource else wanted)


async def _may(api: KubeApi, attributes: dict[str, str]) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool((await api.post(SELF_ACCESS, review))["status"].get("allowed"))


async def review_access(api: KubeApi, user: KubeUser, attributes: dict[str, str]) -> Json:
    """Return the SubjectAccessReview of somebody whom we have authenticated ourselves."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user.name, "groups": list(user.groups), "resourceAttributes": attributes},
    }
    return await api.post(_ACCESS, review)


async def user_of(api: KubeApi) -> KubeUser:
    """Return the owner of `api`'s token. Raises KubeError (401) for a token that is not accepted."""
    review = await api.post(_SELF, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    user = (review.get("status") or {}).get("userInfo") or {}
    return KubeUser(str(user.get("username", "")), tuple(map(str, user.get("groups") or ())))


async def rules_in(api: KubeApi, namespace: str) -> tuple[list[Json], bool]:
    """Return the token owner's ResourceRules in a namespace, and whether these are all of them."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status = (await api.post(_SELF_RULES, review)).get("status") or {}
    return list(status.get("resourceRules") or ()), not status.get("incomplete")


async def pod_of(api: KubeApi, token: str) -> PodIdentity | None:
    """Return the pod that a token for our audience belongs to; None for any other token.

    The API server checks signature, audience, expiry, and that pod and service account still exist.
    """
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [names.API_AUDIENCE]},
    }
    status = (await api.post(_TOKEN, review)).get("status") or {}
    user = status.get("user") or {}
    pods = (user.get("extra") or {}).get(_POD_NAME) or []
    namespace, _, account = str(user.get("username", "")).removeprefix(_PREFIX).partition(":")
    # A server that knows no audiences would accept any token: it must say that it checked ours.
    audience_checked = names.API_AUDIENCE in (status.get("audiences") or [])
    known = status.get("authenticated") and audience_checked and str(user.get("username", "")).startswith(_PREFIX)
    return PodIdentity(namespace, account, str(pods[0]), user) if known and pods else None


async def account_may_get(api: KubeApi, identity: PodIdentity, namespace: str, name: str) -> bool:
    """Return True when a pod's service account may get that DepPackage."""
    user = identity.user
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user.get("username"),
            "uid": user.get("uid"),
            "groups": user.get("groups") or [],
            "extra": user.get("extra") or {},
            "resourceAttributes": attributes("get", names.DEPPACKAGE_PLURAL, namespace, name),
        },
    }
    return bool((await api.post(_ACCESS, review))["status"].get("allowed"))


async def may_get(api: KubeApi, namespace: str, account: str, package: NamespacedName) -> bool:
    """Return True when a service account may get a DepPackage, when no token of its own is at hand."""
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    user = {"username": f"{_PREFIX}{namespace}:{account}", "groups": groups}
    return await account_may_get(api, PodIdentity(namespace, account, "", user), package.namespace, package.name)


def attributes(verb: str, plural: str, namespace: str, name: str) -> dict[str, str]:
    """Return the attributes of one action on our kinds; without a name, on all objects of a namespace."""
    place = {"group": names.GROUP, "version": names.VERSION, "resource": plural, "namespace": namespace, "verb": verb}
    return {**place, "name": name} if name else place
