"""The image beside a ZIP: made after it, pushed after the record, and whatever goes wrong, the ZIP is complete."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from dagy_builder.contract import CONFIG_VARIABLE, RESULT_PREFIX, Artifact, Reason, Step, StepOutcome
from dagy_builder.image.repository import Repository
from dagy_builder.packed_lock import LOCK_FILE, pack
from dagy_builder.steps import images
from dagy_builder.steps.handover import Handover
from dagy_builder.storage.store import ObjectStore
from tests.cluster.doctor import free_port
from tests.fakes.layouts import Node
from tests.fakes.uploads import Build, artifact_in
from tests.registry_server import PASSWORD, Registry

SLUG = "A1B2C3D4"


def for_registry(build: Build, base: str) -> Build:
    """The same build, for an image below `base`."""
    repository = str(Repository.of(base, "team-a", SLUG))
    return dataclasses.replace(
        build, request=dataclasses.replace(build.request, image_repository=repository, image_plain_http=True)
    )


def pushed(build: Build, made: StepOutcome | None = None) -> Artifact:
    """Upload and push, as the containers do."""
    artifact = artifact_in(build.upload())
    outcome = made or images.make_image(build.request, build.work, build.log.append)
    store = partial(ObjectStore, build.request.bucket)
    log = build.log.append
    return images.push_image(
        build.request, artifact, build.work, lambda: outcome, store=store, log=log, idle_seconds=1.0
    )


def record_of(build: Build) -> Artifact:
    return Artifact.from_json(json.loads(ObjectStore(build.request.bucket).get(build.names.record) or b""))


def test_the_record_names_the_image_and_a_node_can_pull_it(build: Build, registry: Registry) -> None:
    told = pushed(for_registry(build, registry.base))
    assert told.image
    assert told.image_failure is None
    assert record_of(build) == told
    assert Node(registry.host).pull(told.image) > 0


def test_a_login_is_read_from_the_docker_config(
    build: Build, guarded_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(guarded_registry.docker_config()))
    assert pushed(for_registry(build, guarded_registry.base)).image


def test_a_wrong_login_is_told_beside_a_complete_zip(
    build: Build, guarded_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(guarded_registry.docker_config("wrong")))
    told = pushed(for_registry(build, guarded_registry.base))
    assert told.image is None
    assert told.image_failure
    assert told.image_failure["reason"] == Reason.REGISTRY_ACCESS_DENIED
    assert "DAGY_OCI_SECRET" in told.image_failure["message"]
    assert record_of(build) == told
    said = json.dumps(told.to_json()) + "".join(build.log)
    assert "wrong" not in said
    assert PASSWORD not in said


def test_a_registry_that_is_away(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    told = pushed(for_registry(build, f"127.0.0.1:{free_port()}/dagy"))
    assert told.image_failure
    assert told.image_failure["reason"] == Reason.REGISTRY_UNREACHABLE
    assert "request a build" in told.image_failure["message"]
    assert record_of(build) == told


def test_a_config_that_is_none(build: Build, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    (registry.folder / "config.json").write_text("no JSON")
    monkeypatch.setenv(CONFIG_VARIABLE, str(registry.folder / "config.json"))
    failure = pushed(for_registry(build, registry.base)).image_failure
    assert failure
    assert "can't be read" in failure["message"]


def test_a_packager_that_was_killed_before_the_image(build: Build, registry: Registry) -> None:
    wanted = for_registry(build, registry.base)
    artifact = artifact_in(wanted.upload())
    store = partial(ObjectStore, build.request.bucket)
    told = images.push_image(wanted.request, artifact, wanted.work, lambda: None, store=store, log=build.log.append)
    assert told.image_failure
    assert told.image_failure["reason"] == Reason.IMAGE_NOT_PUSHED
    assert not registry.uploaded()


def test_an_image_that_cannot_be_made(build: Build, tmp_path: Path) -> None:
    (build.work / "package" / "artifact.zip").write_bytes(b"no ZIP")
    outcome = images.make_image(build.request, build.work, build.log.append)
    assert (outcome.ok, outcome.reason) == (False, Reason.IMAGE_NOT_PUSHED)
    assert "BadZipFile" in (outcome.message or "")


def test_a_record_that_is_another_builds_by_now_stays(build: Build, registry: Registry) -> None:
    wanted = for_registry(build, registry.base)
    artifact = artifact_in(wanted.upload())
    outcome = images.make_image(wanted.request, wanted.work, build.log.append)
    artifact_in(build.upload(build_token="later"))
    later = record_of(build)
    store = partial(ObjectStore, build.request.bucket)
    images.push_image(wanted.request, artifact, wanted.work, lambda: outcome, store=store, log=build.log.append)
    assert record_of(build) == later


def container(build: Build, step: Step) -> subprocess.Popen[str]:
    """A container of the build as a process; the step before has ended well."""
    given = build.work.parent / "input"
    given.mkdir(exist_ok=True)
    (given / "request.json").write_text(json.dumps(build.request.to_json()))
    (given / LOCK_FILE).write_bytes(pack(build.lock))
    environment = {**os.environ, "DAGY_TERMINATION_LOG": str(build.work.parent / f"{step}.json")}
    argv = [sys.executable, "-m", "dagy_builder", step, "--input", str(given), "--work", str(build.work)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)


def end_install(build: Build) -> None:
    handover = Handover(build.work)
    with handover.running(Step.INSTALL):
        handover.leave(StepOutcome(Step.INSTALL, ok=True, seconds=1.0))


def test_the_outcome_is_told_before_the_push_and_the_image_after_it(build: Build, registry: Registry) -> None:
    wanted = for_registry(build, registry.base)
    end_install(wanted)
    with container(wanted, Step.UPLOAD) as upload, container(wanted, Step.PACKAGE) as package:
        told, _ = upload.communicate(timeout=60)
        package.communicate(timeout=60)
    assert (package.returncode, upload.returncode) == (0, 0), told
    lines = told.splitlines()
    results = [place for place, line in enumerate(lines) if line.startswith(RESULT_PREFIX)]
    (sent,) = [place for place, line in enumerate(lines) if " sent, " in line]
    assert len(results) == 1
    assert results[0] < sent
    assert json.loads(lines[results[0]].partition("{")[1] + lines[results[0]].partition("{")[2])["ok"]
    message = json.loads((wanted.work.parent / "upload.json").read_text())
    assert message["result"]["image"] == record_of(wanted).image
    assert record_of(wanted).image


def test_a_pod_that_is_ended_while_it_pushes_has_ended_well(build: Build) -> None:
    """The registry takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wanted = for_registry(build, f"127.0.0.1:{silent.getsockname()[1]}/dagy")
        end_install(wanted)
        with container(wanted, Step.UPLOAD) as upload, container(wanted, Step.PACKAGE) as package:
            package.communicate(timeout=60)
            silent.settimeout(60)
            connection, _ = silent.accept()  # it has begun to push
            upload.send_signal(signal.SIGTERM)
            told, _ = upload.communicate(timeout=60)
            connection.close()
    assert upload.returncode == 0, told
    assert RESULT_PREFIX in told
    assert not record_of(wanted).image
    assert json.loads((wanted.work.parent / "upload.json").read_text())["ok"]


def test_an_image_that_cannot_be_written_fails_no_container(build: Build) -> None:
    wanted = for_registry(build, "r.example/dagy")
    end_install(wanted)
    (wanted.work / "package" / "image").write_text("in the way: the image can't be made")
    with container(wanted, Step.UPLOAD) as upload, container(wanted, Step.PACKAGE) as package:
        upload.communicate(timeout=60)
        package.communicate(timeout=60)
    assert (package.returncode, upload.returncode) == (0, 0)
    failure = record_of(wanted).image_failure
    assert failure
    assert failure["reason"] == Reason.IMAGE_NOT_PUSHED
