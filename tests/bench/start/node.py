"""The node under the pods: its images, its CPU time, its disk. It has to be that of `make up`."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.leftovers import spread
from tests.bench.start.ways import DOCKERFILE, IMAGE
from tests.bench.timing import CannotRunError
from tests.cluster import images, node
from tests.cluster.image_sources import Image
from tests.cluster.layout import Layout
from tests.cluster.progress import Progress
from tests.cluster.shell import run

_SNAPSHOTS = "lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
_SAMPLE_SECONDS = 0.2


class BenchNode:
    """The running node. Raises CannotRunError when there is none."""

    def __init__(self, layout: Layout) -> None:
        running = node.load(layout)
        if running is None or not running.is_alive():
            raise CannotRunError("images are taken from the node and put there, so it has to be that of `make up`")
        self._layout, self._groups = layout, [Path(group) for group in running.cgroups]
        snapshots = layout.node / _SNAPSHOTS
        if snapshots.is_dir():  # images that go must not slow down those that come
            spread(snapshots)

    def bring_image(self, say: Callable[[str], None]) -> None:
        """Build the image of all pods, where it is not built yet, and give it to the node."""
        say("start: the image with everything baked in")
        images.provide(self._layout, Progress(), [Image(IMAGE, _dockerfile)])

    def remove_image(self, wanted: str) -> None:
        """Remove an image, by its name or digest, and the layers that no other has; pods that mount it must be gone."""
        there = images.imported(self._layout)
        digests = {digest for name, digest in there.items() if wanted in (name, digest)}
        # The kubelet's runtime keeps each under its configuration's digest, too.
        names = [name for name, digest in there.items() if digest in digests]
        if names:
            run([*images.ctr(self._layout), "images", "remove", "--sync", *names])

    def cpu(self) -> float:
        """CPU seconds of everything on the node since it was started."""
        return cpu_seconds(self._groups)

    def disk(self) -> int:
        """Bytes that are used of the disk that the node is on."""
        return shutil.disk_usage(self._layout.node).used

    @contextmanager
    def most_disk(self) -> Iterator[Callable[[], int]]:
        """Look at the disk again and again while the block runs; how many bytes more than before there were at most."""
        before, most, stop = self.disk(), [0], threading.Event()

        def look() -> None:
            while not stop.wait(_SAMPLE_SECONDS):
                most[0] = max(most[0], self.disk() - before)

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield lambda: most[0]
        finally:
            stop.set()
            looking.join()


def cpu_seconds(groups: list[Path]) -> float:
    """CPU seconds that the processes of a node's control groups have used: of cgroup v1's cpuacct, or of v2."""
    for group in groups:
        if (group / "cpuacct.usage").exists():
            return int((group / "cpuacct.usage").read_text()) / 1e9
        if (group / "cpu.stat").exists():
            fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
            if "usage_usec" in fields:
                return int(fields["usage_usec"]) / 1e6
    raise CannotRunError(f"none of the node's control groups counts CPU time: {', '.join(map(str, groups))}")


def _dockerfile(_layout: Layout, context: Path, _say: Callable[[str], None]) -> None:
    (context / "Dockerfile").write_text(DOCKERFILE)
