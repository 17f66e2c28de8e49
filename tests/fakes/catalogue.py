"""The made-up packages that the messages in uv_messages.txt are about."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.index import Release

CATALOGUE = (
    Release("alpha", "1.0", ["beta<2"]),
    Release("alpha", "1.1", ["beta<2"]),
    Release("beta", "1.0"),
    Release("beta", "2.0"),
    Release("gamma", "3.0", ["beta>=2"]),
    Release("needs-missing", "1.0", ["nowhere>=1"]),
    Release("needs-missing", "1.1", ["nowhere>=1"]),
    Release("needs-version", "1.0", ["beta>=7"]),
    Release("newpy", "2.0", requires_python=">=3.13"),
    Release("newpy", "1.0", requires_python=">=3.13"),
    Release("somepy", "2.0", requires_python=">=3.13"),
    Release("somepy", "1.0", requires_python=">=3.9"),
    Release("winonly", "1.0", tag="cp312-cp312-win_amd64"),
    Release("winonly", "1.0", tag="cp312-cp312-macosx_11_0_arm64"),
    Release("oldabi", "1.0", tag="cp39-cp39-manylinux_2_17_x86_64"),
    Release("newglibc", "1.0", tag="cp312-cp312-manylinux_2_39_x86_64"),
    Release("armonly", "1.0", tag="cp312-cp312-manylinux_2_17_aarch64"),
    Release("py2", "1.0", tag="py2-none-any"),
    Release("pypy", "1.0", tag="pp310-pypy310_pp73-manylinux_2_17_x86_64"),
    Release("sdistonly", "1.0", sdist=True),
    Release("sdistonly", "1.1", sdist=True),
    Release("yank", "1.0", yanked="broken release"),
    Release("yank", "0.9"),
    Release("allyank", "1.0", yanked=""),
    Release("pre", "1.0rc1"),
    Release("pre", "0.9"),
    Release("needs-sdist", "1.0", ["sdistonly"]),
    Release("needs-newpy", "1.0", ["newpy"]),
    Release("needs-win", "1.0", ["winonly"]),
    Release("withextra", "1.0", extras={"x": ["beta<2"]}),
    Release("marked-beta", "1.0", ["beta<2 ; sys_platform != 'cygwin' and sys_platform != 'win32'"]),
    Release("marked-sdist", "1.0", ["sdistonly>=1 ; sys_platform != 'cygwin' and sys_platform != 'win32'"]),
    Release("marked-extra", "1.0", ["withextra[x]>=1 ; sys_platform != 'win32'"]),
    Release("needs-extra", "1.0", ["withextra[x]"]),
    Release("needs-pre", "1.0", ["pre>=1.0"]),
    Release("needs-both", "1.0", ["beta==1.0", "beta==2.0"]),
    Release("wrong-abi", "1.0", tag="py3-graalpy240_310_native-any"),
    Release("local", "1.2.3+foo"),
    Release("deep1", "1.0", ["deep2"]),
    Release("deep2", "1.0", ["deep3"]),
    Release("deep3", "1.0", ["beta<2"]),
)
NAMES = {release.name for release in CATALOGUE}


def messages() -> dict[str, str]:
    """Return the real output of uv 0.13.8 by requirements (joined by " | ")."""
    sections = Path(__file__).with_name("uv_messages.txt").read_text().split("=== ")[1:]
    pairs = (section.split("\n", 1) for section in sections)
    return {title: text.strip() for title, text in pairs}
