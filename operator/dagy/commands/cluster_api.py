"""The cluster's own API for a command that has a kubeconfig and nothing else.

Only what needs the object store or the pods of builds goes there; the rest is done with the kubeconfig itself. What it
has to show (token or client certificate) is shown to nobody but the address that its own cluster has published, known
by the certificate that was published beside it, or to the API's pod through the API server.
"""

from __future__ import annotations

import ssl

import aiohttp
import httpx

from dagy.adapters import api_access
from dagy.adapters.api_access import Credentials, Published
from dagy.adapters.kube.api import KubeError
from dagy.adapters.kube.tunnel import tunnel
from dagy.client.http.errors import DagyError, SetupError, UnreachableError
from dagy.client.http.tokens import FreshToken
from dagy.client.http.transport import CONNECT_SECONDS, Setup, TokenAuth, checked_url, trust
from dagy.commands.in_process import InProcess
from dagy.commands.options import Api
from dagy.model import constants as names

_ANSWER_SECONDS = 30.0
_INSTEAD = "or name the API with --url or DAGY_API_URL."
_ADMINISTRATOR = f"Ask who installed DAGY to publish an address of the API (DAGY_API_PUBLIC_URL), {_INSTEAD}"


def open_cluster_api(process: InProcess, api: Api) -> httpx.Client:
    """A client of it. Raises DagyError, which says what to do."""
    try:
        return _open(process, api)
    except DagyError:
        raise
    except KubeError as error:
        raise SetupError(f"The cluster doesn't tell where DAGY's API is: {error}. Correct that, {_INSTEAD}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(
            f"The Kubernetes API server doesn't answer ({type(error).__name__}). Check the kubeconfig and the network."
        ) from error


def _open(process: InProcess, api: Api) -> httpx.Client:
    told = process.run(api_access.published(process.api))
    shown = process.run(api_access.credentials(process.api))
    if told.url and told.authority:
        return _client(process, told.url, shown, verify=_trusting(told.authority, shown))
    if told.proxied_url and shown.token:
        return _client(process, told.proxied_url, shown, verify=trust(api.ca_file))
    return _through_the_api_server(process, told, shown)


def _client(
    process: InProcess,
    url: str,
    shown: Credentials,
    *,
    verify: ssl.SSLContext | bool = True,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    token = FreshToken(lambda: process.run(api_access.credentials(process.api)).token)
    timeout = httpx.Timeout(_ANSWER_SECONDS, connect=CONNECT_SECONDS)
    setup = Setup(checked_url(url), TokenAuth(token) if shown.token else None, verify, timeout)
    return httpx.Client(verify=verify, transport=transport, **setup.arguments())


def _trusting(authority: str, shown: Credentials) -> ssl.SSLContext:
    """TLS with whoever has a certificate of that authority, and with nobody else. Raises SetupError."""
    try:
        context = ssl.create_default_context(cadata=authority)
    except ssl.SSLError as error:
        raise SetupError(
            f"The certificates in ConfigMap {names.SYSTEM_NAMESPACE}/{names.API_CONFIG_MAP} cannot be used. "
            f"{_ADMINISTRATOR}"
        ) from error
    if shown.certificate and not shown.token:
        try:
            context.load_cert_chain(*shown.certificate)
        except OSError as error:
            raise SetupError(
                f"The kubeconfig's client certificate cannot be used ({error.strerror or error}). Correct it, "
                f"{_INSTEAD}"
            ) from error
    return context


def _through_the_api_server(process: InProcess, told: Published, shown: Credentials) -> httpx.Client:
    """By a port that is forwarded to a pod of the API, for those who may do that."""
    if not told.authority:
        raise SetupError(
            f"This cluster tells nothing about DAGY's API: there is no ConfigMap "
            f"{names.SYSTEM_NAMESPACE}/{names.API_CONFIG_MAP} that you may get. Have DAGY installed there, {_INSTEAD}"
        )
    if not process.run(api_access.may_forward(process.api)):
        raise SetupError(_no_address(told, shown))
    pod = process.run(api_access.ready_replica(process.api))
    if pod is None:
        raise UnreachableError(
            f"No pod of {names.API_SERVICE} is ready. `kubectl --namespace {names.SYSTEM_NAMESPACE} get pods` says why."
        )
    socket = process.folder / "tunnel"
    process.enter(tunnel(process.api, names.SYSTEM_NAMESPACE, pod, names.API_PORT, socket))
    transport = httpx.HTTPTransport(verify=_trusting(told.authority, shown), uds=str(socket))
    return _client(process, f"https://{names.API_SERVICE}.{names.SYSTEM_NAMESPACE}.svc", shown, transport=transport)


def _no_address(told: Published, shown: Credentials) -> str:
    if told.proxied_url and not shown.token:
        return (
            f"{told.proxied_url} does not pass client certificates on, which is what this kubeconfig has, and you may "
            f"not forward a port to the API. Use a kubeconfig with a token. {_ADMINISTRATOR}"
        )
    return f"This cluster publishes no address of DAGY's API, and you may not forward a port to it. {_ADMINISTRATOR}"
