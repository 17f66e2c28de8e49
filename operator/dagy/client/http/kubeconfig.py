"""Token and namespace of the present context, as the SDK takes them from the kubeconfig."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dagy.client.http.errors import SetupError

_INSTEAD = "Put a token into DAGY_API_TOKEN, e.g. of `kubectl create token NAME`."


def kubeconfig_token(environ: Mapping[str, str] = os.environ) -> str:
    """The token of the present context's user, also one that a credential plugin makes. Raises SetupError."""
    user = _entry(_documents(environ), "users", "user")
    if user is None:
        raise SetupError(f"There is no token for the API: no DAGY_API_TOKEN, no pod, no kubeconfig. {_INSTEAD}")
    if token := user.get("token"):
        return str(token)
    if file := user.get("tokenFile"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise SetupError(f"The kubeconfig's tokenFile {file} cannot be read: {error.strerror}.") from error
    if "exec" in user or "auth-provider" in user:
        return _from_plugin(environ)
    raise SetupError(
        "The kubeconfig's user signs in without a token (by a certificate, probably), with which an API at a given URL "
        "can't do everything. Leave --url and DAGY_API_URL out: commands then use the kubeconfig itself. Or: "
        f"{_INSTEAD}"
    )


def context_namespace(environ: Mapping[str, str] = os.environ) -> str | None:
    """Namespace of the present context; None when it says none, or there is no kubeconfig."""
    try:
        context = _entry(_documents(environ), "contexts", "context")
    except SetupError:
        return None
    return (context or {}).get("namespace") or None


def kubeconfig_paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the paths where the kubeconfig is looked for."""
    given = [Path(one) for one in environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    return given or [Path.home() / ".kube" / "config"]


def _documents(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for path in kubeconfig_paths(environ):
        try:
            document = yaml.safe_load(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, yaml.YAMLError) as error:
            raise SetupError(f"The kubeconfig {path} cannot be read: {type(error).__name__}.") from error
        if isinstance(document, dict):
            found.append(_with_whole_paths(document, path.absolute().parent))
    return found


def _with_whole_paths(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A relative tokenFile is relative to its kubeconfig, as for kubectl."""
    for entry in document.get("users") or []:
        user = entry.get("user") if isinstance(entry, dict) else None
        if isinstance(user, dict) and user.get("tokenFile"):
            user["tokenFile"] = str(folder / str(user["tokenFile"]))
    return document


def _entry(documents: list[dict[str, Any]], group: str, kind: str) -> dict[str, Any] | None:
    """The context (or its user) that is current: of several files, the first to say something wins (as kubectl)."""
    current = next((one["current-context"] for one in documents if one.get("current-context")), None)
    context = _named(documents, "contexts", "context", current)
    if kind == "context" or context is None:
        return context
    return _named(documents, group, kind, context.get(kind))


def _named(documents: list[dict[str, Any]], group: str, kind: str, name: object) -> dict[str, Any] | None:
    entries = (entry for one in documents for entry in one.get(group) or [] if isinstance(entry, dict))
    found = next((entry.get(kind) for entry in entries if entry.get("name") == name), None)
    return found if isinstance(found, dict) else None


def _from_plugin(environ: Mapping[str, str]) -> str:
    """Let Kubernetes' own client run the plugin: its protocol has versions, and its programs have expectations."""
    try:
        from kubernetes import client, config
    except ModuleNotFoundError as error:
        raise SetupError(
            "The kubeconfig gets its token from a plugin, which the package kubernetes runs, and that is not "
            f"installed. Run pip install 'dagy[server]'. {_INSTEAD}"
        ) from error
    configuration = client.Configuration()
    try:
        files = os.pathsep.join(map(str, kubeconfig_paths(environ)))
        config.load_kube_config(files, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise SetupError(f"The kubeconfig's plugin gave no token: {type(error).__name__}. {_INSTEAD}") from error
    value = configuration.get_api_key_with_prefix("BearerToken") or ""
    if not value:
        raise SetupError(f"The kubeconfig's plugin gave no token. {_INSTEAD}")
    return str(value).removeprefix("Bearer ")
