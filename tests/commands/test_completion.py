"""`dagy completion` in the shells themselves, each set up as the help says."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
Complete = Callable[[str, Path], set[str]]


def shell(*argv: str, home: Path) -> str:
    """What a shell printed, with `dagy` in its PATH."""
    done = subprocess.run(argv, env=environ(home), capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": f"{BIN}:/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def in_bash(line: str, home: Path) -> set[str]:
    """What bash would insert or list: its completion function gets what readline gives it."""
    words = line.split(" ")
    ask = f"""eval "$(dagy completion bash)"
COMP_LINE={line!r} COMP_POINT=${{#COMP_LINE}} COMP_CWORD={len(words) - 1}
COMP_WORDS=({" ".join(repr(word) for word in words)})
$(complete -p dagy | sed 's/.*-F \\([^ ]*\\).*/\\1/') dagy {words[-1]!r} {words[-2]!r}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return {one.strip() for one in shell("bash", "--norc", "-c", ask, home=home).splitlines()}


def in_fish(line: str, home: Path) -> set[str]:
    """What fish would list, which has a command for that."""
    completions = home / ".config/fish/completions"
    completions.mkdir(parents=True)
    (completions / "dagy.fish").write_text(shell(str(BIN / "dagy"), "completion", "fish", home=home))
    listed = shell("fish", "-c", f"complete --do-complete={line!r}", home=home)
    return {one.split("\t")[0] for one in listed.splitlines()}


def in_zsh(line: str, home: Path) -> set[str]:
    """The last word after a press of the tab key; zsh's completion works in its line editor only, so on a terminal."""
    (home / "functions").mkdir()
    (home / "functions/_dagy").write_text(shell(str(BIN / "dagy"), "completion", "zsh", home=home))
    (home / ".zshrc").write_text("""
fpath=(~/functions $fpath)
autoload -Uz compinit && compinit -u
ready() { : > ~/ready }
press() { zle complete-word; print -r -- "${BUFFER%% }" > ~/line && mv ~/line ~/completed }
zle -N zle-line-init ready
zle -N press
bindkey '^I' press
""")
    terminal, zsh_side = pty.openpty()
    argv = ["zsh", "-i"]
    zsh = subprocess.Popen(
        argv, stdin=zsh_side, stdout=zsh_side, stderr=zsh_side, start_new_session=True, env=environ(home), cwd=home
    )
    os.close(zsh_side)
    try:
        appears(home / "ready")
        completed = set()
        for _ in range(2):  # the first time zsh loads the function
            os.write(terminal, f"\x15{line}\t".encode())
            completed.add(appears(home / "completed").split(" ")[-1])
            (home / "completed").unlink()
        return completed
    finally:
        os.close(terminal)  # which hangs it up
        zsh.wait(60)


def appears(path: Path) -> str:
    """The file's text, once it is there."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"zsh did not write {path.name}"
        time.sleep(0.02)
    return path.read_text().rstrip("\n")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("dagy requ", "requirements"),
        ("dagy packages canc", "cancel"),
        ("dagy deploy --dep-", "--dep-packages"),
        ("dagy packages list --status compl", "completed"),
        ("dagy deployments sh", "show"),
    ],
)
@pytest.mark.parametrize("complete", [in_bash, in_zsh, in_fish], ids=["bash", "zsh", "fish"])
def test_the_one_word_that_is_meant(complete: Complete, line: str, word: str, tmp_path: Path) -> None:
    name = complete.__name__.removeprefix("in_")
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    assert complete(line, tmp_path) == {word}


def test_all_that_begin_so(tmp_path: Path) -> None:
    assert in_bash("dagy dep", tmp_path) == {"deploy", "deployments"}
    assert in_bash("dagy packages re", tmp_path) == {"rebuild", "refresh"}
