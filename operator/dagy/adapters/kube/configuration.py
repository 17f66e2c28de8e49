"""Connection to the API server: address, trust, identity, proxy."""

from __future__ import annotations

import urllib.parse
import urllib.request

import aiohttp
from kubernetes.aio import client, config


async def configuration_of(kubeconfig: str | None) -> client.Configuration:
    """Return the connection: by `kubeconfig`, else by the pod's service account, else by the user's own kubeconfig."""
    configuration = client.Configuration()
    if kubeconfig:
        await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)  # type: ignore[no-untyped-call]
    else:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    # Asked once: with trust_env aiohttp reads environment and ~/.netrc for each request, a tenth of a look's CPU.
    configuration.proxy = configuration.proxy or _proxy_to(configuration.host)
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


def context_of(kubeconfig: str | None) -> str | None:
    """Name of the kubeconfig's present context; None when there is no kubeconfig, or it names none."""
    try:
        _, active = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return None
    return str(active["name"])


def _proxy_to(server: str) -> str | None:
    """Return the proxy on the way to the server, by HTTPS_PROXY and NO_PROXY; None without one."""
    url = urllib.parse.urlsplit(server)
    if urllib.request.proxy_bypass(url.netloc):
        return None
    return urllib.request.getproxies().get(url.scheme)


def without_identity(whole: client.Configuration) -> client.Configuration:
    """Return the server's address and the trust in it, copied by name, so that nothing else can come along."""
    bare = client.Configuration()
    for setting in ("host", "ssl_ca_cert", "ca_cert_data", "verify_ssl", "disable_strict_ssl_verification",
                    "tls_server_name", "proxy", "proxy_headers"):  # fmt: skip
        setattr(bare, setting, getattr(whole, setting))
    # Callers share the connections, and must not share a cookie that some proxy before the API server hands out.
    bare.client_session_kwargs = {"trust_env": False, "cookie_jar": aiohttp.DummyCookieJar()}
    return bare


def hang_up(response: aiohttp.ClientResponse) -> None:
    """End an answer, read or not. TLS would wait for the server's farewell, beyond the end of the event loop."""
    if response.connection and response.connection.transport:
        response.connection.transport.abort()
    response.close()
