"""The section `start`: rounds in which the ways take turns, one pod each; then many pods at once, one way after the other.

A pod that has files of its own waits until the rounds are over before it ends, because the kubelet deletes them then
(tests.bench.leftovers). How long it takes from the end of its code to Succeeded is added to what was measured before.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial

from tests.bench.cases import PYTHON, SCIENCE
from tests.bench.leftovers import RESERVE, early, has_room
from tests.bench.namespaces import authorities, namespace
from tests.bench.start.node import BenchNode
from tests.bench.start.pods import Pods, Waiting
from tests.bench.start.registry import registry
from tests.bench.start.report import Burst, Start, figures, limits
from tests.bench.start.ways import IMAGE, Pull, Way, ways
from tests.bench.timing import CannotRunError
from tests.cluster.layout import ClusterError, Layout
from tests.e2e.kube import Json, Kube, KubectlError, condition, package

AT_ONCE = 20
_NO_IMAGE = "the package has no image: it could not be pushed"
_GOLDEN = 0.618034
"""Its multiples are spread evenly over a second, however many there are."""
_MOST_WAITING, _REST_SECONDS, _PUSHED_SECONDS = 24, 10.0, 120.0


def measure(layout: Layout, rounds: int, say: Callable[[str], None]) -> list[str]:
    """Markdown lines: the table and what limits it. Raises CannotRunError without a cluster of `make up`."""
    node = BenchNode(layout)
    if not has_room(layout.root):
        raise CannotRunError(f"{AT_ONCE} copies of the packages need {RESERVE >> 30} GiB of the disk")
    try:
        node.bring_image(say)
    except ClusterError as error:
        raise CannotRunError(f"the image of the pods can't be built: {error}") from error
    with namespace(layout, say) as kube, registry(layout, kube):
        trusted = authorities(kube)
        try:
            kube.apply(*trusted, package("science", *SCIENCE.requirements, python=PYTHON))
            slug = str(kube.wait("science", "Ready")["status"]["slug"])
            image = _image(kube)
        except KubectlError as error:
            raise CannotRunError(f"the package can't be built: {str(error).strip()[:500]}") from error
        rest = _at_rest(node)
        say(f"start: at rest the node uses {rest:.2f} of a core")
        section = Section(Pods(kube, node, trust=bool(trusted), rest=rest), node, layout, image, say)
        try:
            section.one_by_one(ways(slug), rounds)
            section.at_once(ways(slug))
        finally:
            section.clear()
    return section.lines()


class Section:
    """What was measured, and what could not be."""

    def __init__(self, pods: Pods, node: BenchNode, layout: Layout, image: str, say: Callable[[str], None]) -> None:
        """`image`: the package's own, by its digest; empty when there is none."""
        self._pods, self._node, self._layout, self._image, self._say = pods, node, layout, image, say
        self._starts: dict[str, list[Start]] = {}
        self._bursts: dict[str, Burst] = {}
        self._pulls: list[Pull] = []
        self._failures: dict[str, str] = {}
        self._waiting: deque[tuple[Waiting, str | None]] = deque()
        """Pods, and the way that their figures are for; None for those that warm up."""
        self._deleted_early = 0
        self._started = Counter[str]()

    def one_by_one(self, listed: Sequence[Way], rounds: int) -> None:
        """Let the ways take turns, after a round that warms up.

        Those that need an image to be removed come when the others are over: what writes files would wait for inodes
        that were freed (tests.bench.leftovers).
        """
        for removing in (False, True):
            for number in range(rounds + 1):
                for way in listed:
                    if way.first is removing:
                        self._try(way, way.name, partial(self._one, way, warms_up=not number))
        while self._waiting:
            self._end(*self._waiting.popleft())

    def at_once(self, listed: Sequence[Way]) -> None:
        """Start many pods of each way."""
        for way in listed:
            self._try(way, f"{way.name}, {AT_ONCE} at once,", partial(self._many, way))

    def clear(self) -> None:
        """Remove the pods, and their images from the node."""
        try:
            self._pods.delete()
            self._remove_image()
            self._node.remove_image(IMAGE)
        except (KubectlError, ClusterError) as error:  # figures that were measured are worth more
            self._say(f"start: pods or images are left: {error}")

    def lines(self) -> list[str]:
        """Markdown: the table, what limits, what has no figure and why."""
        notes = [*limits(self._starts, self._pulls)]
        notes += [f"{name} has no figure: {why}" for name, why in self._failures.items()]
        notes += [early(self._deleted_early, "pods")] if self._deleted_early else []
        return [*figures(self._starts, self._bursts, AT_ONCE), *(line for note in notes for line in ("", note))]

    def _try(self, way: Way, what: str, run: Callable[[], None]) -> None:
        if way.by_image and not self._image:
            self._failures[way.name] = _NO_IMAGE
        if way.name in self._failures:
            return
        try:
            run()
        except (CannotRunError, KubectlError, ClusterError) as error:
            self._failures[what] = str(error).strip()[:500]
            self._say(f"start: {what} {self._failures[what]}")

    def _one(self, way: Way, *, warms_up: bool) -> None:
        self._make_room()
        if way.first:
            self._remove_image()
        # The kubelet looks once a second which containers have ended, and what was awaited before ended in step with it.
        # Users' pods come at any time of that second, so these are spread over it.
        self._started[way.name] += 1
        time.sleep(self._started[way.name] * _GOLDEN % 1)
        pod = self._pods.start(way)
        self._say(f"start: {way.name}: {'warm-up: ' if warms_up else ''}imported after {pod.figures.imported:.2f} s")
        if way.first and not warms_up and (pull := self._pods.pull(pod.name, self._image)):
            self._pulls.append(pull)
        figures_for = None if warms_up else way.name
        if way.writes:
            self._waiting.append((pod, figures_for))
            return
        self._end(pod, figures_for)
        # Nothing may hold on to the image that the next round takes away.
        self._pods.delete(pod.name)

    def _end(self, pod: Waiting, figures_for: str | None) -> None:
        whole = self._pods.end(pod)
        if figures_for:
            self._starts.setdefault(figures_for, []).append(whole)

    def _many(self, way: Way) -> None:
        # What the way before has left would be deleted meanwhile.
        self._pods.delete()
        if way.first:
            self._remove_image()
        burst = self._pods.burst(way, AT_ONCE)
        self._bursts[way.name] = burst
        self._say(f"start: {way.name}: {AT_ONCE} at once: {burst.wall:.1f} s")

    def _remove_image(self) -> None:
        if self._image:
            self._node.remove_image(self._image.partition("@")[2])

    def _make_room(self) -> None:
        while len(self._waiting) >= _MOST_WAITING or (self._waiting and not has_room(self._layout.root)):
            pod, figures_for = self._waiting.popleft()
            self._end(pod, figures_for)
            self._pods.delete(pod.name)
            self._deleted_early += 1


def _at_rest(node: BenchNode) -> float:
    """CPU seconds a second that the node uses without pods of ours."""
    before = node.cpu()
    time.sleep(_REST_SECONDS)
    return (node.cpu() - before) / _REST_SECONDS


def _image(kube: Kube) -> str:
    """The package's image, once it is pushed; empty when there is none."""

    def settled(found: Json) -> bool:
        return condition(found, "ImagePushed").get("status") != "Unknown"

    try:
        found = kube.until("science", settled, _PUSHED_SECONDS)
    except KubectlError:
        return ""
    return str(found["status"]["artifact"].get("image") or "")
