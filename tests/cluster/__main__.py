"""`python -m tests.cluster COMMAND`, which the Makefile calls."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import addons, binaries, current, deploy, doctor, image_sources, images, node, samples
from .layout import ClusterError, Layout, current_layout
from .progress import Progress, duration


def up(layout: Layout, progress: Progress, options: argparse.Namespace) -> None:
    """Start the parts that aren't running, deploy DAGY, follow the samples."""
    if options.cluster == "current" and not current.is_own(layout):
        context = current.adopt(layout)
        how = current.delivery(context, options.registry)
        digests, names = current.deliver(layout, progress, how)
        address, own = current.node_address(layout), []
        api_server: tuple[str, ...] = ()
    else:
        if options.cluster != "current":
            start(layout, progress, options)
        running = node.load(layout)
        assert running is not None
        digests, names = images.provide(layout, progress), {}
        address, api_server = running.addresses.node_ip, running.addresses.api_server
        own = [addons.dns_policy(running.addresses, namespace) for namespace in deploy.WALLED]
    deploy.deploy(layout, progress, address, digests, names, own, api_server)
    if options.samples:
        samples.show(layout, progress)
    progress.note(f"\nThe cluster is up: export KUBECONFIG={layout.kubeconfig}")
    progress.note(f"The web console: {console_command(layout)}")


def console_command(layout: Layout) -> str:
    """The command that opens the web console in a browser, with the kubeconfig of this cluster."""
    return f"KUBECONFIG={layout.kubeconfig} {Path(sys.prefix) / 'bin' / 'dagy'} console"


def start(layout: Layout, progress: Progress, _options: argparse.Namespace) -> None:
    """Start the node alone: Kubernetes without DAGY."""
    running = node.load(layout)
    obstacles = doctor.problems(layout, running=running is not None and running.is_alive())
    if obstacles:
        raise ClusterError("\n".join(obstacles))
    binaries.build_all(layout, progress)
    running = node.start(layout, progress)
    with progress.step("Add-ons: names, volumes, log access"):
        addons.apply(layout, running.addresses)
    node.await_ready(layout, progress)


def down(layout: Layout, progress: Progress, _options: argparse.Namespace) -> None:
    """Stop the node and remove all of it but binaries and caches."""
    with progress.step("Stop the cluster") as step:
        step.done(", ".join(node.clear(layout)) or "it was not running")


def clean(layout: Layout, progress: Progress, options: argparse.Namespace) -> None:
    """Stop the node and remove the whole state folder."""
    down(layout, progress, options)
    with progress.step(f"Remove {layout.root}"):
        shutil.rmtree(layout.root, ignore_errors=True)


def build(layout: Layout, progress: Progress, options: argparse.Namespace) -> None:
    """Build the binaries, or only those that a bare API server needs."""
    binaries.build_all(layout, progress, options.family or None)


def build_images(layout: Layout, progress: Progress, _options: argparse.Namespace) -> None:
    """Build the images, without a node."""
    binaries.build_all(layout, progress, ["versitygw"])
    for image in image_sources.IMAGES:
        images.build(layout, progress, image)


@contextmanager
def alone(layout: Layout, progress: Progress) -> Iterator[None]:
    """Be the only command at work on this state folder; the lock goes with the process, however it ends."""
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.lock.touch(mode=0o600)
    with layout.lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note(f"Another make is at work on {layout.root}: waiting for it to end.")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


COMMANDS: dict[str, Callable[[Layout, Progress, argparse.Namespace], None]] = {
    "up": up,
    "node": start,
    "down": down,
    "clean": clean,
    "binaries": build,
    "images": build_images,
}


def main() -> int:
    """Run a command; its failure is a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--cluster", choices=["own", "current"], default="own", help="whose cluster `up` uses")
    parser.add_argument("--registry", default="", help="with --cluster=current: where images are pushed")
    parser.add_argument("--no-samples", dest="samples", action="store_false", help="leave the samples out")
    parser.add_argument("--family", action="append", help="build only this family of binaries; may be repeated")
    options = parser.parse_args()
    layout, progress = current_layout(), Progress()
    started = time.monotonic()
    try:
        with alone(layout, progress):
            COMMANDS[options.command](layout, progress, options)
    except ClusterError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    except PermissionError as e:
        print(
            f"error: {e.filename} can't be written ({e.strerror}): run this as root, or as the folder's owner.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; run the same again to go on.", file=sys.stderr)
        return 130
    progress.note(f"make {options.command}: {duration(time.monotonic() - started)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
