"""The ASGI guard against requests that another site's page makes with what the browser adds by itself.

The console sends its token itself. A proxy's session cookie and a client certificate come without anybody's doing.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dagy.core.rest.origin import is_foreign
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.problems import ProblemError, problem_response


class SameOrigin:
    """Refuses them before anything else is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not is_foreign(scope["method"], Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        answer = problem_response(
            ProblemError(
                ApiReason.CROSS_ORIGIN,
                "A page of another site asks for this, so it is refused. Do it in the console, or with a client that "
                "is no browser. Where a proxy stands in front, see that it passes the header Host on.",
                headers={"Connection": "close"},  # a body that nobody reads would come next
            )
        )
        await answer(scope, receive, send)
