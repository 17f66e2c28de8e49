"""What machine code needs of the machine that it runs on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.archive.native import Linked, link_warnings, linked
from dagy_builder.archive.pack import package
from dagy_builder.contract import BuildRequest
from dagy_builder.sizes import Limits
from tests.fakes.trees import small_tree

MODULES = sorted(Path(sysconfig.get_path("stdlib"), "lib-dynload").glob("_[csz]*.so"))[:8]


@pytest.mark.skipif(not MODULES or not shutil.which("readelf"), reason="no modules, or nobody to compare with")
def test_the_same_as_readelf_says() -> None:
    for module in MODULES:
        said = subprocess.run(["readelf", "-dV", module], capture_output=True, check=True, text=True).stdout
        found = linked(module.name, module.read_bytes())
        assert found is not None
        assert list(found.libraries) == re.findall(r"\(NEEDED\).*\[(.*)\]", said)
        assert found.glibc_minor == max((int(n) for n in re.findall(r"GLIBC_2\.(\d+)", said)), default=0)


def test_what_is_told() -> None:
    found = [
        Linked("b/_psycopg.so", ("libpq.so.5", "libc.so.6", "libpthread.so.0"), 34),
        Linked("a/fine.so", ("libm.so.6", "libown-1a2b.so.3", "libpython3.12.so.1.0"), 28),
    ]
    told = link_warnings(found, ["a/fine.so", "a.libs/libown-1a2b.so.3", "b/_psycopg.so"], "2.28")
    assert len(told) == 2
    assert told[0].startswith("b/_psycopg.so was built on a machine with libpq.so.5, which the package does not bring")
    assert told[1].startswith("b/_psycopg.so needs glibc 2.34, and the package is for glibc 2.28.")
    assert len(link_warnings([Linked(f"{n}.so", ("libx.so",), 0) for n in range(40)], [], "2.28")) == 6


@given(st.binary(max_size=300))
def test_no_file_breaks_it(data: bytes) -> None:
    assert linked("x", data) is None
    assert linked("x", b"\x7fELF\x02\x01" + data) is None or data


@pytest.mark.skipif(not MODULES, reason="no modules")
@pytest.mark.parametrize("size", [64, 200, 1000, 4000])
def test_a_file_that_was_cut(size: int) -> None:
    linked("x", MODULES[0].read_bytes()[:size])


@pytest.mark.skipif(not MODULES, reason="no modules")
@pytest.mark.parametrize("sources", ["Allow", "Forbid"])
def test_only_what_was_built_here_is_looked_at(sources: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = small_tree(tmp_path / "tree")
    shutil.copyfile(MODULES[0], tree / "pkg/_native.so")
    monkeypatch.setattr("dagy_builder.archive.native._EVERYWHERE", frozenset())
    request = BuildRequest("3.12", source_distributions=sources)
    told = package(request, tree, tmp_path / "out", Limits()).warnings
    assert any("pkg/_native.so was built on a machine with" in warning for warning in told) is (sources == "Allow")
