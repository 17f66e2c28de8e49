"""`dagy doctor`."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dagy.client.http.errors import SetupError, UnreachableError
from dagy.client.http.kubeconfig import context_namespace
from dagy.commands import output
from dagy.commands.connection import DONE, FAILED, with_exit_code
from dagy.commands.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagy.core.doctor.finding import Finding

_MARKS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM", "unknown": "unknown"}


@with_exit_code
def doctor(
    *,
    namespace: Annotated[
        str | None,
        Parameter(name=["--namespace", "-n"], help="Namespace in which a pod is tried, without being created."),
    ] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print the findings as JSON.")] = False,
) -> int:
    """Look at an installation, with the rights of the kubeconfig."""
    from dagy.core.doctor.judgements import is_well

    findings = _findings(namespace or context_namespace() or "default")
    if as_json:
        output.as_json({"well": is_well(findings), "findings": [_plain(finding) for finding in findings]})
    else:
        for finding in findings:
            _show(finding)
    return DONE if is_well(findings) else FAILED


def _findings(namespace: str) -> Sequence[Finding]:
    try:
        import aiohttp

        from dagy.adapters.doctor.gathering import gather_facts
        from dagy.adapters.kube.api import KubeApi, KubeError
    except ModuleNotFoundError as error:
        raise SetupError(f"This needs {error.name}, which is not installed: pip install 'dagy[server]'.") from error
    from dagy.core.doctor.judgements import judge
    from dagy.model.crd import crd_files

    wanted = {str(crd["metadata"]["name"]): crd for crd in crd_files().values()}

    async def gather() -> Sequence[Finding]:
        try:
            api = await KubeApi.connect("dagy-doctor", os.environ.get("KUBECONFIG") or None)
        except Exception as error:
            raise SetupError(f"The kubeconfig can't be used: {error}. Set KUBECONFIG.") from error
        try:
            await api.request("GET", "/version")
            return judge(await gather_facts(api, list(wanted), namespace), wanted, datetime.now(UTC))
        except (KubeError, aiohttp.ClientError, OSError) as error:
            message = f"The Kubernetes API server doesn't answer ({error}). Check the kubeconfig and the network."
            raise UnreachableError(message) from error
        finally:
            await api.close()

    return asyncio.run(gather())


def _show(finding: Finding) -> None:
    say(f"{_MARKS[finding.verdict]:<8}  {finding.check}: {finding.message}")
    if finding.action:
        say(f"{'':<8}  {finding.action}")


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "check": str(finding.check),
        "verdict": str(finding.verdict),
        "message": finding.message,
        "action": finding.action,
    }
