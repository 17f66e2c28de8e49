"""The faults, as values. Counters begin with 1 and count over all of a run, so that a value means the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override


class How(StrEnum):
    """How a server behaves."""

    REFUSED = "connection refused"
    LOST = "answer lost"
    CUT = "answer cut"
    CHECKSUM = "wrong checksum"
    SLOW = "slow"
    E401 = "401"
    E403 = "403"
    E429 = "429"
    E503 = "503"

    @override
    def __repr__(self) -> str:
        return f"How.{self.name}"


@dataclass(frozen=True)
class Crash:
    """The operator dies at these of its writes, in the API server or in S3; each time a new one starts."""

    writes: tuple[int, ...]
    after: bool = False
    """True when the server has done the write."""


@dataclass(frozen=True)
class Outage:
    """A server behaves so from the operator's request number `first` on."""

    server: str
    how: How
    first: int
    seconds: float


@dataclass(frozen=True)
class Restarts:
    """The API server restarts so many times, from the operator's request number `first` on."""

    first: int
    times: int = 20
    away: float = 3.0
    every: float = 15.0
    """Seconds from one restart to the next."""

    def ends(self, since: float, now: float) -> float:
        """Time at which it is there again, or 0 while it is there. `since`: that of the first restart."""
        number, gone = divmod(now - since, self.every)
        return since + number * self.every + self.away if number < self.times and gone < self.away else 0.0


@dataclass(frozen=True)
class Events:
    """Events from number `first` on are dropped, doubled or reordered."""

    how: str
    first: int
    count: int = 1


@dataclass(frozen=True)
class Mute:
    """The watch says nothing from event number `first` on; then all of it comes at once, as after a new connection."""

    first: int
    seconds: float


@dataclass(frozen=True)
class Stale:
    """The operator starts anew at its request number `first`, and reads what was there some events before."""

    first: int
    events: int
    seconds: float = 20.0


@dataclass(frozen=True)
class Two:
    """Two operators at once, the first of which is stopped at these writes for so many seconds."""

    pauses: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Frozen:
    """The only operator is stopped at a write, and goes on later."""

    write: int
    seconds: float


@dataclass(frozen=True)
class NodeAway:
    """The node's kubelet and the Job controller do nothing from event number `first` on."""

    first: int
    seconds: float


@dataclass(frozen=True)
class Hand:
    """Somebody does something by hand after event number `after`."""

    what: str
    after: int


@dataclass(frozen=True)
class Clock:
    """The operator's clock jumps at its request number `first`."""

    first: int
    seconds: float


@dataclass(frozen=True)
class Several:
    """Some at once."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Storm:
    """Many, until so many seconds have passed; what has not struck by then may strike while everything is deleted."""

    faults: tuple[Fault, ...]
    seconds: float


Fault = Crash | Outage | Restarts | Events | Mute | Stale | Two | Frozen | NodeAway | Hand | Clock | Several | Storm


def each(fault: Fault | None) -> tuple[Fault, ...]:
    """Return the single faults of a fault."""
    match fault:
        case None:
            return ()
        case Several(faults) | Storm(faults):
            return faults
        case one:
            return (one,)


LOST_EVENTS = "events dropped"


def family(fault: Fault | None) -> str:
    """Name of the fault's row in the table."""
    match fault:
        case None:
            return "none"
        case Crash(writes, after):
            return f"crash {'after' if after else 'before'} a write" + (", twice" if len(writes) > 1 else "")
        case Outage(server, how):
            return f"{server}: {how}"
        case Restarts():
            return "kube: restarts"
        case Events(how):
            return f"events {how}"
        case Mute():
            return "watch mute"
        case Stale(_, events):
            return f"view {events} events old"
        case Two():
            return "two operators, pauses"
        case Frozen():
            return "operator stopped"
        case NodeAway():
            return "kubelet stopped"
        case Hand(what):
            return f"by hand: {what}"
        case Clock():
            return "clock jumps"
        case Several():
            return "two faults at once"
        case Storm():
            return "storm"
