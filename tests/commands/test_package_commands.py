"""`dagy packages` on a real API server, with the API inside the command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dagy.commands.packages.artifacts import difference
from dagy.model.rest.artifacts import ArtifactDiff, ChangedVersion, NamedVersion
from tests.cluster.doctor import free_port
from tests.commands.conftest import Dagy
from tests.fakes.api import unique
from tests.fakes.operator import PlayedOperator

pytestmark = pytest.mark.apiserver

Output = pytest.CaptureFixture[str]


def test_create_look_and_delete(dagy: Dagy, name: str, played: PlayedOperator, capsys: Output) -> None:
    slug = played.completes("team-a", name, b"12345")
    assert dagy("packages", "list", "-n", "team-a", "--search", slug) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAMESPACE", "NAME", "SLUG", "PYTHON", "STATUS", "SIZE", "AGE", "DESCRIPTION"]
    assert row.split()[:7] == ["team-a", name, slug, "3.12", "COMPLETED", "5", "B"]
    for reference in ([slug], [f"team-a/{name}"], [name, "-n", "team-a"]):
        assert dagy("packages", "show", *reference) == 0
        page = capsys.readouterr().out
        assert f"Name:         team-a/{name}\n" in page
        assert f"Slug:         {slug}\n" in page
        assert "Dependencies: Flask\n              numpy==1.26\n" in page
    assert dagy("packages", "show", slug, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["slug"], shown["build_status"], shown["package_size"]) == (slug, "COMPLETED", 5)
    assert dagy("packages", "list", "-A", "--search", slug, "--json") == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [shown["id"]]
    assert dagy("packages", "delete", slug) == 0
    assert dagy("packages", "show", slug) == 1
    assert dagy("packages", "list", "-n", "team-a", "--search", slug) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "There is no such package in namespace team-a." in err


def test_requests_and_waiting(dagy: Dagy, name: str, played: PlayedOperator, capsys: Output) -> None:
    reference = f"team-a/{name}"
    assert dagy("packages", "rebuild", reference) == 0
    assert "dagy packages wait" in capsys.readouterr().err
    assert "dagy.io/build" in played.get("team-a", name)["metadata"]["annotations"]
    assert dagy("packages", "wait", reference, "--timeout", "0") == 1
    assert f"Package {reference} is PENDING after 0 s" in capsys.readouterr().err
    slug = played.completes("team-a", name)
    assert dagy("packages", "wait", slug) == 0
    uri = played.get("team-a", name)["status"]["s3Uri"]
    assert capsys.readouterr().out == f"{reference} ({slug}): COMPLETED, 2 B, {uri}\n"
    played.refuses("team-a", name, "numpy 1.26 is not there.")
    assert dagy("packages", "wait", slug) == 1
    assert capsys.readouterr().err == f"{reference} ({slug}): INVALID: numpy 1.26 is not there.\n"
    assert dagy("packages", "show", slug) == 0
    assert "Errors:       numpy 1.26 is not there. Relax it.\n" in capsys.readouterr().out


def test_creating_twice(dagy: Dagy, name: str, played: PlayedOperator, capsys: Output) -> None:
    again = ("packages", "create", f"team-a/{name}", "six", "--python", "3.13")
    assert dagy(*again) == 1
    assert "--replace" in capsys.readouterr().err
    before = played.get("team-a", name)["metadata"]["uid"]
    assert dagy(*again, "--replace", "--manual", "--description", "ours") == 0
    after = played.get("team-a", name)
    assert after["metadata"]["uid"] == before
    spec = {"pythonVersion": "3.13", "dependencies": ["six"], "description": "ours", "buildPolicy": "Manual"}
    assert after["spec"].items() >= spec.items()


def test_import_shows_conflicts_and_settles_them(
    dagy: Dagy, name: str, played: PlayedOperator, tmp_path: Path, capsys: Output
) -> None:
    def dependencies() -> list[str]:
        found: list[str] = played.get("team-a", name)["spec"]["dependencies"]
        return found

    file, into = tmp_path / "requirements.txt", ("--into", f"team-a/{name}")
    file.write_text("numpy==2.0\nflask>=3\nrequests\npywin32; sys_platform == 'win32'\n")
    assert dagy("packages", "import", str(file), *into) == 1
    err = capsys.readouterr().err
    assert f"{file}:1: conflict: numpy\n    existing  numpy==1.26\n    incoming  numpy==2.0\n" in err
    assert f"{file}:2: conflict: flask\n    existing  flask\n    incoming  flask>=3\n" in err
    assert "2 in conflict; nothing was changed." in err
    assert dagy("packages", "import", str(file), *into, "--use", "NumPy") == 1
    assert "1 in conflict" in capsys.readouterr().err
    assert dependencies() == ["numpy==1.26", "Flask"]

    settle = ("--use", "NumPy", "--keep", "flask")
    assert dagy("packages", "import", str(file), *into, *settle, "--dry-run") == 0
    assert capsys.readouterr().out == "numpy==2.0\nflask\nrequests\n"
    assert dependencies() == ["numpy==1.26", "Flask"]
    assert dagy("packages", "import", str(file), *into, *settle) == 0
    assert dependencies() == ["numpy==2.0", "flask", "requests"]
    assert dagy("packages", "import", str(file), *into, "--use-incoming") == 0
    assert dependencies() == ["numpy==2.0", "flask>=3", "requests"]
    capsys.readouterr()
    assert dagy("packages", "import", str(file), *into) == 0
    assert capsys.readouterr().out == f"team-a/{name}: unchanged\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--keep-existing", "--use-incoming"), "contradict each other"),
        (("--keep-existing", "--use", "numpy"), "settle them all"),
        (("--use", "numpy", "--keep", "NumPy"), "after --keep and after --use"),
        (("--use", "scipy"), "scipy is in no conflict"),
    ],
)
def test_options_that_do_not_go_together(
    dagy: Dagy, name: str, tmp_path: Path, capsys: Output, options: tuple[str, ...], says: str
) -> None:
    (tmp_path / "r.txt").write_text("numpy==2\n")
    assert dagy("packages", "import", str(tmp_path / "r.txt"), "--into", f"team-a/{name}", *options) == 2
    assert says in capsys.readouterr().err


def test_lines_that_are_wrong_change_nothing(
    dagy: Dagy, name: str, played: PlayedOperator, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "r.txt").write_text("requests\npandas=2\n")
    assert dagy("packages", "import", str(tmp_path / "r.txt"), "--into", f"team-a/{name}") == 1
    assert 'r.txt:2: error: "=" is not a version operator.' in capsys.readouterr().err
    assert "requests" not in played.get("team-a", name)["spec"]["dependencies"]
    new = unique()
    assert dagy("packages", "create", f"team-a/{new}", "--python", "3.12", "-r", str(tmp_path / "r.txt")) == 1
    assert dagy("packages", "show", f"team-a/{new}") == 1


def test_creating_from_a_file(dagy: Dagy, played: PlayedOperator, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("# ours\nnumpy==2\nrequests[socks]>=2\n")
    name = unique()
    file = str(tmp_path / "r.txt")
    assert dagy("packages", "create", f"team-a/{name}", "numpy==1", "--python", "3.12", "-r", file) == 0
    assert played.get("team-a", name)["spec"]["dependencies"] == ["numpy==1", "requests[socks]>=2"]


def test_what_cannot_be_used_is_2_and_what_fails_is_1(
    dagy: Dagy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DAGY_API_TOKEN", "nobody's")
    cases: list[tuple[int, tuple[str, ...], str]] = [
        (2, ("packages", "show", "Not/A/Name"), "is neither a slug"),
        (2, ("packages", "create", "team-a/x", "--python", "3.9"), "3.9"),
        (2, ("packages", "create", "team-a/" + unique(), "--python", "3.12"), "1 to 200 dependencies"),
        (2, ("packages", "import", str(tmp_path / "none.txt"), "--into", "x"), "cannot be read"),
        (1, ("packages", "show", "team-a/none"), "There is no package team-a/none"),
        (1, ("packages", "show", "A1B2C3D4"), "has the slug A1B2C3D4"),
        (1, ("packages", "list", "--url", f"http://127.0.0.1:{free_port()}"), "cannot be reached"),
        (2, ("packages", "list", "--url", "http://api.example.com"), "is not encrypted"),
    ]
    for code, arguments, says in cases:
        assert (dagy(*arguments), arguments) == (code, arguments)
        out, err = capsys.readouterr()
        assert says in err
        assert out == ""
        assert "Traceback" not in err


def test_no_kubeconfig(dagy: Dagy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert dagy("packages", "list") == 2
    why = f"the kubeconfig can't be used instead: there is no file {tmp_path}/none. Name an API"
    assert f"There is no URL of the API, and {why}" in capsys.readouterr().err
    (tmp_path / "none").write_text("{}")
    assert dagy("packages", "list") == 2
    assert "current-context" in capsys.readouterr().err


def test_what_lies_in_the_zips_and_how_they_differ(
    dagy: Dagy, name: str, played: PlayedOperator, capsys: Output
) -> None:
    played.completes("team-a", name, b"no ZIP")
    assert dagy("packages", "diff", f"team-a/{name}") == 1
    assert "keeps no two such ZIPs" in capsys.readouterr().err
    assert dagy("packages", "contents", f"team-a/{name}") == 1
    assert "The ZIP can't be read" in capsys.readouterr().err
    assert dagy("packages", "contents", f"team-a/{name}", "--sha256", "z") == 1
    assert "keeps no such ZIP" in capsys.readouterr().err


def test_what_can_be_attached_and_what_is_kept_in_git(
    dagy: Dagy, name: str, played: PlayedOperator, capsys: Output
) -> None:
    slug = played.completes("team-a", name, b"no ZIP")
    assert dagy("packages", "compatible", f"team-a/{name}") == 0
    assert re.fullmatch(rf"{slug}@[0-9a-f]{{64}}  team-a/{name}\n", capsys.readouterr().out)
    assert dagy("packages", "compatible", f"{slug}@{'0' * 64}") == 1
    assert "ArtifactGone: " in capsys.readouterr().err
    assert dagy("packages", "manifest", slug) == 0
    assert f"kind: DepPackage\nmetadata:\n  name: {name}\n" in capsys.readouterr().out
    assert dagy("packages", "lock", slug, "--sha256", "z") == 1
    assert "keeps no such ZIP" in capsys.readouterr().err
    assert dagy("packages", "download", slug, "--sha256", "0" * 64) == 1
    assert "keeps no ZIP with the SHA-256" in capsys.readouterr().err


def test_differences_as_lines() -> None:
    found = ArtifactDiff(
        added=[NamedVersion(name="new", version="3", bytes=2048)],
        removed=[NamedVersion(name="old", version="1")],
        changed=[ChangedVersion(name="a", from_version="1", to_version="2", bytes_from=5000, bytes_to=3000)],
    )
    assert list(difference(found)) == ["+ new 3 (2.0 kB)", "- old 1", "~ a 1 -> 2 (-2.0 kB)"]
    assert list(difference(ArtifactDiff(added=[], removed=[], changed=[]))) == ["They hold the same packages."]
