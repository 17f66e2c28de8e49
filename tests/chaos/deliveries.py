"""From writes to an operator's events: dropped, doubled, late, or told as they come."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos import faults
from tests.chaos.faults import Fault
from tests.chaos.feed import Change, Feed, Json, Place
from tests.chaos.gate import Gate
from tests.chaos.node import Node

Event = tuple[Change, Json | None]
"""A change, and the object as it was before."""
_LATE_SECONDS = 3.0


class Deliveries:
    """Counts changes, lets the faults strike whose turn it is, and tells each change with `tell`."""

    def __init__(
        self,
        gate: Gate,
        feed: Feed,
        node: Node,
        tell: Callable[[Change, Json | None], None],
        by_hand: Callable[[str], None],
    ) -> None:
        self._gate, self._feed, self._node, self._tell, self._by_hand = gate, feed, node, tell, by_hand
        self._before: dict[Place, Json] = {}
        self._events = 0
        self._held: list[Event] = []
        self._muted_until = 0.0
        self.excused: set[str] = set()
        """What somebody did by hand, so that the observer knows the cause."""
        feed.listeners.append(self._changed)

    def catch_up(self, since: int) -> None:
        """Tell everything since so many changes from the beginning."""
        for change in self._feed.changes[since:]:
            self._tell(change, None)

    def _changed(self, change: Change) -> None:
        before = self._before.get(change.place)
        self._before[change.place] = change.object
        self._events += 1
        events, loop = [(change, before)], self._gate.loop
        for place, fault in enumerate(self._gate.faults):
            events = self._struck(place, fault, events)
        back = self._gate.restarting_until()
        if back > self._muted_until:  # its watches end with it, and go on where they were
            self._muted_until = back
            loop.call_at(back, self._release)
        if loop.time() < self._muted_until:
            self._held += events
            return
        for event in events:
            loop.call_soon(self._tell, *event)

    def _struck(self, place: int, fault: Fault, events: list[Event]) -> list[Event]:
        """Let a fault strike if it is its turn; the events that are left to be told now."""
        gate = self._gate
        match fault:
            case faults.Events(how, first, count) if first <= self._events < first + count and gate.is_raging:
                gate.strikes(fault, 0.1)
                return self._disturbed(how, events)
            case faults.Mute(first, seconds) if self._events >= first and gate.begins(place):
                self._muted_until = max(self._muted_until, gate.strikes(fault, seconds))
                gate.loop.call_at(self._muted_until, self._release)
            case faults.NodeAway(first, seconds) if self._events >= first and gate.begins(place):
                self._node.away_until = max(self._node.away_until, gate.strikes(fault, seconds))
            case faults.Hand(what, after) if self._events >= after and gate.begins(place):
                gate.strikes(fault, 1.0)
                self.excused.add(what)
                self._by_hand(what)
            case _:
                pass
        return events

    def _disturbed(self, how: str, events: list[Event]) -> list[Event]:
        match how:
            case "dropped":
                return []
            case "doubled":
                return [*events, *events]
            case _:  # reordered: they come after the next ones
                for event in events:
                    self._gate.loop.call_later(_LATE_SECONDS, self._tell, *event)
                return []

    def _release(self) -> None:
        if self._gate.loop.time() < self._muted_until:
            return
        held, self._held = self._held, []
        for change, before in held:
            self._tell(change, before)
