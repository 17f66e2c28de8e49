"""Reading answers and failures alike for both clients. No I/O."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from dagy.client import retry
from dagy.client.calls import Call
from dagy.client.errors import ApiError, DagyError, StoreError, UnreachableError, api_error

T = TypeVar("T")


def read(call: Call[T], response: httpx.Response, content: bytes) -> T:
    """The value of a successful answer. Raises ApiError for one that isn't the API's."""
    try:
        return call.read(content)
    except ValidationError as error:
        raise ApiError(
            response.status_code,
            f"{_origin(response.request)} answered {call.method} {call.path} with something that is not DAGY's API's "
            f"({error.error_count()} fields are wrong). Check the URL, and that client and server are of one release.",
        ) from error


def refusal(response: httpx.Response, content: bytes) -> ApiError:
    """The error that an unsuccessful answer stands for."""
    return api_error(response.status_code, content, _origin(response.request))


def failure(error: httpx.TransportError, base_url: str) -> DagyError:
    """No answer, as an exception."""
    what = "took too long" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    why = f": {error}" if str(error) else ""
    return UnreachableError(
        f"The API at {base_url} {what}{why}. Check the URL, your network, and whether dagy-api runs in the cluster."
    )


def store_refusal(response: httpx.Response) -> StoreError:
    """What the object store did not give. Its signed URL is a secret, and stays out of the message."""
    return StoreError(
        f"The object store at {_origin(response.request)} answered {response.status_code} to a URL that the API signed."
        " Try again; if it stays so, the API's S3 settings are wrong, or this machine's clock is."
    )


def store_failure(error: httpx.TransportError, signed_url: str) -> StoreError:
    """No answer from the object store."""
    url = httpx.URL(signed_url)
    return StoreError(
        f"The object store at {url.scheme}://{url.netloc.decode()} cannot be reached from here "
        f"({type(error).__name__}). Check the network, and that its certificate is trusted (DAGY_CA_FILE)."
    )


def delay_after(attempt: int, call: Call[Any], response: httpx.Response) -> float | None:
    """Seconds until the call is sent again; None when it isn't."""
    return retry.after_answer(
        attempt, response.status_code, response.headers, repeatable=call.repeatable, problem=_is_problem(response)
    )


def delay_after_failure(attempt: int, call: Call[Any], error: httpx.TransportError) -> float | None:
    """The same when there was no answer."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return retry.after_failure(attempt, repeatable=call.repeatable, sent=sent)


def _is_problem(response: httpx.Response) -> bool:
    content_type: str = response.headers.get("content-type", "")
    return content_type.startswith("application/problem+json")


def _origin(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"
