"""What the screen says while steps run: each by name, how long it takes, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text
from typing_extensions import override

from dagy.commands.terminal import printable
from dagy_builder.contract import Step, StepOutcome

_LONGEST_LINE = 200


class _Seconds(ProgressColumn):
    """Elapsed time in seconds, with a tenth: most steps take less than ten."""

    max_refresh = 0.1

    @override
    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        return Text(f"{elapsed or 0.0:5.1f} s", style="progress.elapsed")


class StepDisplay:
    """Steps on standard error: animated on a terminal, elsewhere a line when one starts and one when it ends."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        if self._console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(finished_text="•"),
                TextColumn("{task.description}", markup=False),
                _Seconds(),
                TextColumn("{task.fields[said]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
                console=self._console,
                expand=True,
            )

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def run(self, step: Step, work: Callable[[Callable[[str], None]], StepOutcome]) -> StepOutcome:
        """Run a step, which gets a function that takes its log line by line."""
        return self._animated(step, work, self._progress) if self._progress else self._plain(step, work)

    def _animated(
        self, step: Step, work: Callable[[Callable[[str], None]], StepOutcome], progress: Progress
    ) -> StepOutcome:
        task: TaskID = progress.add_task(f"{step:<8}", total=None, said="")

        def say(line: str) -> None:
            progress.update(task, said=printable(line.removeprefix(f"{step}: ").strip()[:_LONGEST_LINE]))

        outcome = work(say)
        if not outcome.ok:
            say(f"failed: {outcome.reason}")
        progress.update(task, total=1, completed=1)
        return outcome

    def _plain(self, step: Step, work: Callable[[Callable[[str], None]], StepOutcome]) -> StepOutcome:
        last = ""

        def say(line: str) -> None:
            nonlocal last
            last = line

        self._console.print(f"{step}: started", markup=False)
        started = time.monotonic()
        outcome = work(say)
        failed = f"{step}: failed after {time.monotonic() - started:.1f} s"
        self._console.print(printable(last) if outcome.ok else failed, markup=False, soft_wrap=True)
        return outcome
