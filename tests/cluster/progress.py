"""Words on the screen while a cluster starts: every step by name, the time it takes, and a sign that it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

REPORT_EVERY = 10.0
"""Seconds between two lines about a step that is still running, where there is no terminal to animate."""

CLEAR_ENOUGH = 200
"""Longest detail in characters; a compiler's line can be longer than a screen."""


def duration(seconds: float) -> str:
    """Seconds as people say them: `0.4 s`, `12 s`, `3 min 05 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def running_line(name: str, seconds: float, detail: str) -> str:
    """The line of a step that has not ended."""
    return f"{name} ({duration(seconds)})" + (f": {detail}" if detail else "")


class Step:
    """A step that is under way: tells of its work and of its result."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = time.monotonic()
        self.detail = ""
        self.result = ""

    def say(self, detail: str) -> None:
        """Show `detail` beside the step's name from now on."""
        self.detail = detail.strip()[:CLEAR_ENOUGH]

    def done(self, result: str) -> None:
        """Set the words of the step's last line."""
        self.result = result

    def line(self) -> str:
        """The step as it stands."""
        return running_line(self.name, time.monotonic() - self.started, self.detail)


class Progress:
    """Prints steps: animated on a terminal, otherwise a line now and then."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def note(self, text: str) -> None:
        """Print a line of its own."""
        self.console.print(escape(text), soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run a block as one step; its last line tells the time that it took and, if it raised, its failure."""
        step = Step(name)
        try:
            if self.console.is_terminal:
                yield from self._animated(step)
            else:
                yield from self._reported(step)
        except BaseException:
            self._end("[red]✗[/]", step, "failed")
            raise
        self._end("[green]✓[/]", step, step.result)

    def _animated(self, step: Step) -> Iterator[Step]:
        with self.console.status(escape(step.name)) as status, _every(0.2, lambda: status.update(escape(step.line()))):
            yield step

    def _reported(self, step: Step) -> Iterator[Step]:
        with _every(REPORT_EVERY, lambda: self.note(f"… {step.line()}")):
            yield step

    def _end(self, mark: str, step: Step, result: str) -> None:
        took = duration(time.monotonic() - step.started)
        text = f"{step.name}: {result}" if result else step.name
        self.console.print(f"{mark} {escape(text)} ({took})", soft_wrap=True)


@contextmanager
def _every(seconds: float, action: object) -> Iterator[None]:
    """Call `action` each so many seconds until the block ends."""
    assert callable(action)
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(seconds):
            action()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
