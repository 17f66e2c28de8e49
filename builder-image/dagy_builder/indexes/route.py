"""The way to the indexes where they need credentials: through the index gateway, which alone has them.

The gateway serves `https://host/path` as `<its own URL>/https/host/path`. uv is given such URLs, so it neither knows
nor can show a credential; its answers are turned back, so that locks and messages name the indexes themselves.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import tomllib
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag

import tomli_w

from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.url import IndexUrl

FAILURES_PATH = "/-/failures"
"""The path of the gateway's list of failures at the indexes: a JSON list of lines."""

_START_SECONDS = 60.0
_DIRECT_REFERENCE = re.compile(r"(?<= @ )https?://\S+")


@dataclass(frozen=True)
class Route:
    """The gateway at `base`, e.g. "http://127.0.0.1:7080"."""

    base: str

    def local(self, url: IndexUrl) -> str:
        """Return the URL at which the gateway serves `url`."""
        return f"{self.base}/{url.scheme}/{url.authority}{url.target}"

    def local_text(self, url: str) -> str:
        """The same for a URL as text, which keeps its fragment. Raises ValueError when it can be read in two ways."""
        plain, fragment = urldefrag(url)
        return self.local(IndexUrl(plain)) + (f"#{fragment}" if fragment else "")

    def asked_for(self, path: str) -> IndexUrl | None:
        """Return the index's URL that the path of a request to the gateway stands for; None when it stands for none."""
        slash, _, place = path.partition("/")
        scheme, _, rest = place.partition("/")
        try:
            return None if slash else IndexUrl(f"{scheme}://{rest}")
        except ValueError:
            return None

    def public(self, text: str) -> str:
        """Return the text with the indexes' own URLs in place of the gateway's."""
        return re.sub(re.escape(self.base) + r"/(https?)/(?=[^\s/])", r"\1://", text)

    def local_requirements(self, lines: str) -> str:
        """A requirements file with direct references (PEP 508) through the gateway. Raises ValueError."""
        return _DIRECT_REFERENCE.sub(lambda match: self.local_text(match[0]), lines)

    def local_lock(self, text: str) -> str:
        """A pylock.toml (PEP 751) with all URLs through the gateway. Raises ValueError."""
        return tomli_w.dumps(self._localized(tomllib.loads(text)))

    def _localized(self, value: Any) -> Any:
        match value:
            case dict():
                return {
                    key: self.local_text(part)
                    if key in ("url", "index") and isinstance(part, str)
                    else self._localized(part)
                    for key, part in value.items()
                }
            case list():
                return [self._localized(part) for part in value]
            case _:
                return value

    def failures(self) -> list[str]:
        """Return the failures of the indexes, a line each; none when the gateway doesn't tell."""
        try:
            with _without_proxy().open(self.base + FAILURES_PATH, timeout=5) as answer:
                return [str(line) for line in json.load(answer)]
        except (OSError, ValueError, http.client.HTTPException):
            return []

    def wait(self) -> None:
        """Wait until the gateway serves: it starts together with this step. Raises StepError."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with _without_proxy().open(self.base + FAILURES_PATH, timeout=5):
                    return
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise StepError(
                        Reason.INDEX_UNREACHABLE,
                        f"The index gateway, which has the indexes' credentials, does not answer at {self.base} "
                        f"({error}). The log of the pod's container `index` says more.",
                        Fault.INFRASTRUCTURE,
                    ) from error
                time.sleep(0.05)


def _without_proxy() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
