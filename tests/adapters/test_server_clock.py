"""The operator's clock is the API server's, whatever its own machine says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.adapters.server_clock import ServerClock
from tests.fakes.connections import connect

_TRUE = datetime(2026, 11, 26, 12, 0, 0, 700_000, tzinfo=UTC)
_HOUR = timedelta(hours=1)


class Machine:
    """The clocks of a machine, which is ahead by `ahead` of the true time when the process begins."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.seconds = 50.0
        self.clock = ServerClock(lambda: _TRUE + ahead, lambda: self.seconds)

    def true_time(self) -> datetime:
        return _TRUE + timedelta(seconds=self.seconds - 50.0)

    def asks(self, there: float = 0.0, back: float = 0.0, status: int = 200, ahead: timedelta = timedelta()) -> None:
        """Make a request, which takes so many seconds there and its answer back; the server's clock may be ahead."""
        asked = self.clock()
        self.seconds += there
        date = format_datetime((self.true_time() + ahead).replace(microsecond=0), usegmt=True)
        self.seconds += back
        self.clock.told(asked, status, {"Date": date})


@pytest.mark.parametrize("ahead", [-_HOUR, timedelta(seconds=-10), timedelta(seconds=10), _HOUR])
def test_a_wrong_clock_is_set_by_the_first_answer(ahead: timedelta) -> None:
    machine = Machine(ahead)
    assert machine.clock() == _TRUE + ahead
    machine.asks()
    assert abs(machine.clock() - machine.true_time()) < timedelta(seconds=1)
    machine.seconds += 3600.0
    assert abs(machine.clock() - machine.true_time()) < timedelta(seconds=1), "it goes on by itself"


@pytest.mark.parametrize(("there", "back"), [(0.0, 0.0), (30.0, 0.0), (0.0, 30.0), (20.0, 20.0)])
def test_a_right_clock_is_left_alone_however_slow_an_answer_is(there: float, back: float) -> None:
    machine = Machine()
    machine.asks(there, back)
    assert machine.clock() == machine.true_time()


def test_a_server_whose_clock_is_set_is_followed_and_a_refusal_in_between_is_not() -> None:
    machine = Machine()
    machine.asks(status=503, ahead=_HOUR)
    assert machine.clock() == machine.true_time()
    machine.asks(ahead=_HOUR)
    assert machine.clock() - machine.true_time() > timedelta(minutes=59)
    machine.asks()
    assert abs(machine.clock() - machine.true_time()) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "headers", [{}, {"Date": ""}, {"Date": "yesterday"}, {"Date": "Thu, 99 Nov 2026 00:00:00 GMT"}]
)
def test_an_answer_without_a_date_changes_nothing(headers: dict[str, str]) -> None:
    machine = Machine(_HOUR)
    machine.clock.told(machine.clock(), 200, headers)
    assert machine.clock() == _TRUE + _HOUR


@pytest.mark.apiserver
@pytest.mark.parametrize("ahead", [-_HOUR, _HOUR])
def test_the_api_servers_answers_set_it(kubeconfig: str, ahead: timedelta) -> None:
    async def test() -> None:
        connected = await connect(kubeconfig)
        api = KubeApi(connected._client)
        api.clock = ServerClock(lambda: datetime.now(UTC) + ahead)
        with pytest.raises(KubeError):
            await api.request("GET", "/api/v1/namespaces/missing")
        assert abs(api.clock() - datetime.now(UTC)) > timedelta(minutes=59)
        await api.list("/api/v1/namespaces")
        assert abs(api.clock() - datetime.now(UTC)) < timedelta(seconds=5)
        await connected.close()

    asyncio.run(test())
