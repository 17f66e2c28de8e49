"""The compiler of step `package`: the target's own interpreter, and what builds share of its work."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dagy_builder.bytecode.compiler import Compiler, NoCompilerError
from dagy_builder.bytecode.kept import KeptBytecode
from dagy_builder.contract import BYTECODE_VARIABLE, GATEWAY_VARIABLE, BuildRequest
from dagy_builder.uv.runner import find_python, open_uv


def compiler_for(request: BuildRequest) -> Compiler | None:
    """Return the compiler for a request; None where it wants no bytecode. Raises NoCompilerError."""
    if not request.has_bytecode:
        return None
    python = find_python(request.python_version, open_uv)
    if python is None:
        raise NoCompilerError(f"CPython {request.python_version} is not on this machine")
    return Compiler(python, request.python_version, _kept(request))


def without_bytecode(why: NoCompilerError) -> str:
    """Return the warning for a ZIP without the bytecode that it should have."""
    return f"The package has no bytecode, so importing it takes longer: {why}. Mend that and build again."


def _kept(request: BuildRequest) -> KeptBytecode | None:
    """Return what builds share (DAGY_BYTECODE_CACHE).

    Builds that run package code, or see what credentials were needed for, share nothing. A second attempt compiles
    anew, in case the first failed by what it found.
    """
    folder = os.environ.get(BYTECODE_VARIABLE)
    if not folder or request.runs_package_code or os.environ.get(GATEWAY_VARIABLE):
        return None
    kept = KeptBytecode(Path(folder), anew=request.attempt > 1)
    kept.forget_unused(time.time())
    return kept
