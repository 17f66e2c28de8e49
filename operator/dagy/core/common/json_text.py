"""JSON that others wrote: read with bounds on its depth and on the number of its values. Pure."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 64
MAX_VALUES = 5_000
MAX_FIELDS = 1_000


class JsonError(ValueError):
    """Text that is no JSON; the message is a sentence."""


class TooMuchJsonError(JsonError):
    """JSON with more levels, fields or values than are read."""


def read_json(text: bytes | str, *, max_values: int = MAX_VALUES, max_fields: int = MAX_FIELDS) -> Any:
    """Return the value, with at most `max_values` values in it, `max_fields` in one object, and MAX_DEPTH levels.

    The caller bounds the size of the text. Raises JsonError; never RecursionError or UnicodeDecodeError.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooMuchJsonError(f"It is nested in more than {MAX_DEPTH} levels.") from None
    except ValueError as error:
        raise JsonError(f"It is not JSON ({error}).") from None
    _check(value, max_values, max_fields)
    return value


def _check(value: Any, max_values: int, max_fields: int) -> None:
    """Check breadth first, so that too much of it is found before all of it was looked at."""
    level, seen = [value], 0
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if len(one) > max_fields:
                    raise TooMuchJsonError(f"An object in it has {len(one)} fields, and may have {max_fields}.")
                inner += one.values()
            elif isinstance(one, list):
                inner += one
            if seen + len(inner) > max_values:
                raise TooMuchJsonError(f"It has more than {max_values} values.")
        seen += len(inner)
        level = inner
        if not level:
            return
    raise TooMuchJsonError(f"It is nested in more than {MAX_DEPTH} levels.")
