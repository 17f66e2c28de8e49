"""What is gone stays gone, whichever answer comes last."""

from __future__ import annotations

import json

from tests.chaos.feed import Feed, Place

PATH = "/apis/batch/v1/namespaces/dagy-builds/jobs"
PLACE = Place("jobs", "dagy-builds", "j")


def _job(uid: str, version: int) -> bytes:
    return json.dumps({"kind": "Job", "metadata": {"name": "j", "uid": uid, "resourceVersion": str(version)}}).encode()


def test_the_answer_to_an_earlier_write_brings_nothing_back() -> None:
    feed = Feed()
    feed.wrote(PATH, _job("1", 5), "now")
    feed.gone(PLACE)
    feed.wrote(f"{PATH}/j/status", _job("1", 6), "now")
    assert PLACE not in feed.present
    feed.wrote(PATH, _job("2", 8), "now")
    assert feed.present[PLACE]["metadata"]["uid"] == "2"


def test_a_namesake_tells_that_the_one_before_is_gone() -> None:
    feed = Feed()
    feed.wrote(PATH, _job("1", 5), "now")
    feed.wrote(PATH, _job("2", 8), "now")
    assert [(change.uid, change.deleted) for change in feed.changes] == [("1", False), ("1", True), ("2", False)]
    assert feed.present[PLACE]["metadata"]["uid"] == "2"
