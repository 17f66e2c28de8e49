"""`dagy completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(name="SHELL", help="The shell.")], /) -> int:
    """Print the script; `dagy.cli` has the help."""
    from dagy.cli import app

    print(app.generate_completion(prog_name="dagy", shell=shell))
    return 0
