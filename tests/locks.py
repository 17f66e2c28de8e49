"""Locks of any size, and results in logs, as validations leave them."""

from __future__ import annotations

import base64
import hashlib

from dagy_builder.contract import Step, StepOutcome
from dagy_builder.log_frames import FrameReader, framed
from dagy_builder.packed_lock import pack


def lock_of(distributions: int) -> str:
    """A lock like those of PyPI; its hashes are random as real ones are, so that it packs no better."""
    return 'lock-version = "1.0"\n' + "".join(_package(number) for number in range(distributions))


def _package(number: int) -> str:
    hashes = [hashlib.blake2b(f"{number} {use}".encode(), digest_size=32).hexdigest() for use in ("path", "file")]
    path = f"{hashes[0][:2]}/{hashes[0][2:4]}/{hashes[0][4:]}"
    file = f"distribution_{number}-1.{number % 50}.0-py3-none-any.whl"
    return (
        f'\n[[packages]]\nname = "distribution-{number}"\nversion = "1.{number % 50}.0"\nwheels = [\n'
        f'    {{ url = "https://files.pythonhosted.org/packages/{path}/{file}", '
        f'hashes = {{ sha256 = "{hashes[1]}" }} }},\n]\n'
    )


def resolved(lock: str, **more: object) -> StepOutcome:
    """The outcome of a validation that found the lock."""
    names = [{"name": f"distribution-{n}", "version": "1.0.0"} for n in range(lock.count("[[packages]]"))]
    result = {
        "lock": base64.b64encode(pack(lock)).decode(),
        "lockHash": hashlib.sha256(lock.encode()).hexdigest(),
        "packages": names,
        **more,
    }
    return StepOutcome(Step.RESOLVE, ok=True, result=result)


def log_with(outcome: StepOutcome, nonce: str) -> str:
    """A log that ends with that outcome."""
    return "\n".join(["resolve: started", *framed(outcome.to_text(), nonce), ""])


def framed_in(log: str, nonce: str) -> str:
    """The framed text of a log, whole."""
    reader = FrameReader(nonce)
    reader.feed(log.encode())
    text = reader.text()
    assert text is not None, reader.flaw()
    return text
