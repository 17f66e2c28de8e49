"""The compiler of step `package`: the target's own interpreter, and what builds share of its work."""

from __future__ import annotations

from dagy_builder.bytecode.compiler import Compiler, NoCompilerError
from dagy_builder.bytecode.kept import KeptBytecode
from dagy_builder.contract import BuildRequest
from dagy_builder.steps.shared_cache import BYTECODE, kept
from dagy_builder.uv.runner import find_python, open_uv


def compiler_for(request: BuildRequest) -> Compiler | None:
    """Return the compiler for a request; None where it wants no bytecode. Raises NoCompilerError."""
    if not request.has_bytecode:
        return None
    python = find_python(request.python_version, open_uv)
    if python is None:
        raise NoCompilerError(f"CPython {request.python_version} is not on this machine")
    entries = kept(request, BYTECODE)
    return Compiler(python, request.python_version, KeptBytecode(entries) if entries else None)


def without_bytecode(why: NoCompilerError) -> str:
    """Return the warning for a ZIP without the bytecode that it should have."""
    return f"The package has no bytecode, so importing it takes longer: {why}. Mend that and build again."
