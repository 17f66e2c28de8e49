"""What a user asks for by annotation: validate, build, refresh, cancel; Manual and suspend."""

from __future__ import annotations

import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e import static_index
from tests.e2e.artifacts import fetch
from tests.e2e.kube import Kube, condition, package, slow_package
from tests.fakes.index import Release

pytestmark = pytest.mark.e2e


def test_manual_saves_validates_and_builds_on_request(kube: Kube) -> None:
    kube.apply(package("manual", "idna", buildPolicy="Manual"))
    saved = kube.wait("manual")
    assert (saved["status"]["phase"], condition(saved, "Settled")["reason"]) == ("PENDING", "Saved")
    kube("annotate", "dp", "manual", "dagy.io/validate=1")
    valid = kube.until("manual", lambda dp: dp["status"]["phase"] == "VALID")
    assert condition(valid, "Validated")["status"] == "True"
    assert valid["status"]["lastHandledValidate"] == "1"
    kube("annotate", "dp", "manual", "dagy.io/build=1")
    built = kube.wait("manual", "Ready")
    assert built["status"]["lastHandledBuild"] == "1"


def test_a_running_build_is_cancelled_and_its_log_kept(kube: Kube, s3: S3Client) -> None:
    kube.apply(slow_package("regret", "pandas", "scikit-learn"))
    kube.until("regret", lambda dp: dp.get("status", {}).get("phase") == "INSTALLING")
    kube("annotate", "dp", "regret", "dagy.io/cancel=1")
    cancelled = kube.wait("regret")
    assert (cancelled["status"]["phase"], condition(cancelled, "Ready")["reason"]) == ("FAILED", "Cancelled")
    assert cancelled["status"]["lastHandledCancel"] == "1"
    assert "install" in fetch(s3, cancelled["status"]["build"]["logUri"]).decode()
    kube.apply(package("regret", "idna"))
    assert kube.wait("regret", "Ready")["status"]["phase"] == "COMPLETED"


def test_a_rebuild_keeps_the_lock_and_the_bytes(kube: Kube) -> None:
    kube.apply(package("twice", "idna", "certifi"))
    first = kube.wait("twice", "Ready")["status"]
    kube("annotate", "dp", "twice", "dagy.io/build=again")
    second = kube.until("twice", lambda dp: dp["status"].get("lastHandledBuild") == "again")["status"]
    assert second["phase"] == "COMPLETED"
    assert second["lockHash"] == first["lockHash"]
    assert second["artifact"]["sha256"] == first["artifact"]["sha256"]
    assert second["artifact"]["builtAt"] > first["artifact"]["builtAt"]


def test_a_refresh_builds_what_the_index_has_now(kube: Kube) -> None:
    index = static_index.start(kube, [Release("moving", "1.0")])
    kube.apply(package("fresh", "moving", index={"url": index}))
    first = kube.wait("fresh", "Ready")["status"]
    kube("delete", "pod", static_index.NAME)
    static_index.start(kube, [Release("moving", "2.0")])
    kube("annotate", "dp", "fresh", "dagy.io/refresh=1")
    second = kube.until(
        "fresh",
        lambda dp: dp["status"].get("lastHandledRefresh") == "1" and condition(dp, "Ready")["status"] == "True",
    )["status"]
    assert second["lockHash"] != first["lockHash"]
    assert second["artifact"]["lockHash"] == second["lockHash"]
    assert [old["lockHash"] for old in second["history"]] == [first["lockHash"]]


def test_suspended_packages_rest(kube: Kube) -> None:
    kube.apply(package("resting", "idna", suspend=True))
    assert condition(kube.wait("resting"), "Settled")["reason"] == "Suspended"
    kube.apply(package("resting", "idna", suspend=False))
    assert kube.wait("resting", "Ready")["status"]["phase"] == "COMPLETED"
