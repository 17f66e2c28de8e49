"""Bringing DAGY into a cluster: credentials, manifests, and waiting until all of it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from . import s3
from .kube import apply_objects, command, kubectl
from .layout import API_NODE_PORT, REPO, S3_NODE_PORT, ClusterError, Layout
from .progress import Progress
from .shell import follow, run

OVERLAY = REPO / "manifests" / "overlays" / "dev"
BUILDS = "dagy-builds"
WALLED = ("dagy-system", BUILDS)
"""Namespaces whose pods reach only what NetworkPolicies name, the name server included."""
CA_BUNDLE = "dagy-ca-bundle"
CA_KEY = "ca-certificates.crt"
DIGEST_ANNOTATION = "dagy.io/image-digest"
ROLLOUT_WITHIN = "180s"


def deploy(
    layout: Layout,
    progress: Progress,
    node_ip: str,
    digests: Mapping[str, str],
    names: Mapping[str, str],
    own: Sequence[dict[str, Any]] = (),
    api_server: Sequence[str] = (),
) -> None:
    """Apply the development overlay and wait until it runs. Raises ClusterError when it doesn't.

    `digests`: image name to digest, of images that were built here; `names`: image name to the cluster's name for it;
    `own`: objects beside the overlay's that this cluster needs; `api_server`: networks (CIDR) from which its API server
    asks the webhook, where they are known.
    """
    with progress.step("Credentials of S3") as step:
        values = s3.create_credentials(layout, node_ip)
        step.done(str(layout.s3_env))
    bundle = os.environ.get("SSL_CERT_FILE")
    if bundle:
        with progress.step("CA bundle of this machine") as step:
            apply_objects(layout, [ca_bundle(n, Path(bundle).read_text()) for n in ("dagy-system", BUILDS)])
            step.done(f"ConfigMap {CA_BUNDLE} from {bundle}")
    with progress.step("Apply manifests/overlays/dev") as step:
        reachable = with_addresses(with_images(rendered(layout), digests, names), node_ip)
        objects = [*with_api_server(reachable, api_server), *own]
        # Definitions and namespaces first, or the API server knows no place for the rest.
        first = [o for o in objects if o["kind"] in {"CustomResourceDefinition", "Namespace"}]
        apply_objects(layout, first)
        definitions = [f"crd/{o['metadata']['name']}" for o in first if o["kind"] == "CustomResourceDefinition"]
        kubectl(layout, "wait", "--for=condition=Established", "--timeout=60s", *definitions)
        apply_objects(layout, [o for o in objects if o not in first])
        step.done(f"{len(objects)} objects")
    _await_rollout(layout, progress, "dagy-s3", "versitygw")
    with progress.step("Bucket") as step:
        s3.create_bucket(values)
        step.done(f"{values['DAGY_S3_BUCKET']} at {values['AWS_ENDPOINT_URL']}")
    for name in ("dagy-operator", "dagy-api", "dagy-webhook"):
        _await_rollout(layout, progress, "dagy-system", name)


def rendered(layout: Layout) -> list[dict[str, Any]]:
    """The overlay's objects, as `kubectl apply -k` would send them."""
    program = command(layout)[0]
    return [o for o in yaml.safe_load_all(run([program, "kustomize", str(OVERLAY)])) if o]


def with_images(
    objects: list[dict[str, Any]], digests: Mapping[str, str], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The objects, naming images as the cluster does, and with the digest in each pod template that runs one.

    The digest makes a new image under the old name a change, so that a Deployment starts it; and nothing else does.
    """
    changed = []
    for original in objects:
        template = original.get("spec", {}).get("template") if original["kind"] == "Deployment" else None
        used = [c["image"] for c in template["spec"]["containers"]] if template else []
        new: dict[str, Any] = renamed(original, names)
        found = [digests[i] for i in used if i in digests]
        if found:
            metadata = new["spec"]["template"].setdefault("metadata", {})
            metadata.setdefault("annotations", {})[DIGEST_ANNOTATION] = ",".join(found)
        changed.append(new)
    return changed


def with_addresses(objects: list[dict[str, Any]], node_ip: str) -> list[dict[str, Any]]:
    """Return the objects, in which the API knows the addresses of itself and of S3 from this machine."""
    addresses = {
        "DAGY_API_HOSTS": node_ip,
        "DAGY_API_PUBLIC_URL": f"https://{node_ip}:{API_NODE_PORT}",
        "DAGY_S3_PUBLIC_URL": f"http://{node_ip}:{S3_NODE_PORT}",
    }
    return [
        {**o, "data": {**o["data"], **addresses}}
        if (o["kind"], o["metadata"]["name"]) == ("ConfigMap", "dagy-api")
        else o
        for o in objects
    ]


def with_api_server(objects: list[dict[str, Any]], networks: Sequence[str]) -> list[dict[str, Any]]:
    """The objects, with the webhook open to the API server's networks alone; as they are when those are not known."""
    if not networks:
        return objects
    changed = []
    for original in objects:
        new = original
        match original["kind"], original["metadata"]["name"]:
            case "ConfigMap", "dagy-webhook":
                new = {**original, "data": {**original["data"], "DAGY_WEBHOOK_CLIENTS": ",".join(networks)}}
            case "NetworkPolicy", "dagy-webhook":
                (rule,) = original["spec"]["ingress"]
                sources = [{"ipBlock": {"cidr": network}} for network in networks]
                new = {**original, "spec": {**original["spec"], "ingress": [{**rule, "from": sources}]}}
            case _:
                pass
        changed.append(new)
    return changed


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with other texts in the place of whole texts, wherever they stand in it."""
    match value:
        case str():
            return names.get(value, value)
        case list():
            return [renamed(v, names) for v in value]
        case dict():
            return {k: renamed(v, names) for k, v in value.items()}
        case _:
            return value


def ca_bundle(namespace: str, certificates: str) -> dict[str, Any]:
    """Return the ConfigMap with the authorities that pods trust beside the public ones."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CA_BUNDLE, "namespace": namespace},
        "data": {CA_KEY: certificates},
    }


def _await_rollout(layout: Layout, progress: Progress, namespace: str, name: str) -> None:
    with progress.step(f"Deployment {name}") as step:
        arguments = ["rollout", "status", f"deployment/{name}", f"--namespace={namespace}"]
        argv = [*command(layout), *arguments, f"--timeout={ROLLOUT_WITHIN}"]
        try:
            follow(argv, log=layout.logs / f"rollout-{name}.log", say=step.say)
        except ClusterError as e:
            raise ClusterError(f"{e}\n{_why(layout, namespace, name)}") from e
        step.done("running")


def _why(layout: Layout, namespace: str, name: str) -> str:
    """Return the cluster's words about a Deployment that does not come up."""
    said = []
    for question in (
        ["get", "pods"],
        ["logs", f"deployment/{name}", "--tail=15"],
        ["get", "events", "--field-selector=type=Warning"],
    ):
        try:
            said.append(kubectl(layout, *question, f"--namespace={namespace}").strip())
        except ClusterError as e:
            said.append(str(e))
    return "\n".join(said)
