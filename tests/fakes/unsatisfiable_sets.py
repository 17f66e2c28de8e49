"""Sets of requirements that can't be resolved, and the packages they are about. Each row names the culprits."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.index import Release

LINUX = "manylinux_2_17_x86_64"
CORPUS_INDEX = (
    # A small world of a web framework.
    *(Release("web", v, [f"http-core=={v}.*", "templates>=2"]) for v in ("1.0", "2.0", "3.0")),
    *(Release("http-core", v) for v in ("1.0", "2.0", "3.0", "3.1")),
    *(Release("templates", v, ["markup>=1"]) for v in ("1.0", "2.0", "3.0")),
    *(Release("markup", v) for v in ("1.0", "2.0")),
    Release("admin", "1.0", ["web>=2", "templates<3"]),
    Release("theme", "5.0", ["templates>=3"]),
    Release("legacy", "1.0", ["http-core<2"]),
    Release("legacy-suite", "1.0", ["legacy"]),
    Release("bridge", "1.0", ["http-core>=2,<3"]),
    Release("modern", "1.0", ["http-core>=3"]),
    Release("three", "1.0", ["http-core!=3.0,!=3.1"]),
    Release("self-defeating", "1.0", ["templates<2", "theme"]),
    Release("plugin", "1.0", ["markup<2"]),
    Release("plugin", "2.0", ["markup>=2"]),
    Release("old-plugin-user", "1.0", ["plugin<2"]),
    Release("extras", "1.0", extras={"old": ["markup<2"], "new": ["markup>=2"]}),
    Release("marked", "1.0", ['markup<2 ; python_version >= "3.12"']),
    # What doesn't exist.
    Release("broken-dep", "1.0", ["no-such-lib>=1"]),
    Release("broken-dep", "0.9"),
    Release("deep-broken", "1.0", ["broken-dep>=1"]),
    Release("wants-future", "1.0", ["markup>=9"]),
    Release("python-gadget", "1.0"),
    Release("pyjson", "1.0"),
    Release("mkl-service", "2.5.0"),
    Release("pyname", "1.0"),
    # What is not for this Python.
    Release("old-binary", "1.0", tag=f"cp37-cp37m-{LINUX}", requires_python=">=3.7,<3.11"),
    Release("old-binary", "1.0", tag=f"cp38-cp38-{LINUX}", requires_python=">=3.7,<3.11"),
    Release("old-binary", "1.0", tag=f"cp39-cp39-{LINUX}", requires_python=">=3.7,<3.11"),
    Release("old-binary", "1.0", tag=f"cp310-cp310-{LINUX}", requires_python=">=3.7,<3.11"),
    Release("old-binary", "1.0", sdist=True, requires_python=">=3.7,<3.11"),
    Release("old-binary", "2.0", tag=f"cp312-cp312-{LINUX}", requires_python=">=3.10"),
    Release("uses-old-binary", "1.0", ["old-binary<2"]),
    Release("future", "1.0", requires_python=">=3.13"),
    Release("uses-future", "1.0", ["future"]),
    Release("next-abi", "1.0", tag=f"cp313-abi3-{LINUX}"),
    Release("jit", "1.0", tag=f"pp310-pypy310_pp73-{LINUX}"),
    Release("ancient", "1.0", tag="py2-none-any"),
    Release("nogil", "1.0", tag=f"cp312-cp312t-{LINUX}"),
    # What is not for this platform.
    Release("desktop", "1.0", tag="cp312-cp312-win_amd64"),
    Release("desktop", "1.0", tag="cp312-cp312-macosx_11_0_arm64"),
    Release("alpine", "1.0", tag="cp312-cp312-musllinux_1_2_x86_64"),
    Release("arm", "1.0", tag="cp312-cp312-manylinux_2_17_aarch64"),
    Release("fresh", "1.0", tag="cp312-cp312-manylinux_2_39_x86_64"),
    Release("fresh", "0.9", tag="cp312-cp312-manylinux_2_28_x86_64"),
    Release("windows-of-old", "1.0", tag="cp39-cp39-win32"),
    Release("uses-desktop", "1.0", ["desktop"]),
    # Sources, withdrawn releases, pre-releases.
    Release("sources", "1.0", sdist=True),
    Release("sources", "1.1", sdist=True),
    Release("old-sources", "1.0", sdist=True, requires_python="<3.11"),
    Release("uses-sources", "1.0", ["sources"]),
    Release("recalled", "1.0"),
    Release("recalled", "2.0", yanked="it deletes files"),
    Release("all-recalled", "1.0", yanked=""),
    Release("uses-recalled", "1.0", ["recalled>=2"]),
    Release("beta", "1.0"),
    Release("beta", "2.0rc1"),
    # What both sides allow can't be had.
    *(Release("engine", v) for v in ("1.0", "3.0")),
    Release("engine", "2.0", tag="cp312-cp312-win_amd64"),
    Release("low", "1.0", ["engine<3"]),
    Release("high", "1.0", ["engine>=2"]),
    # Versions that PEP 440 leaves out, local ones, and those that are older than what is asked for.
    Release("post", "1.2.3"),
    Release("post", "1.2.3.post1"),
    Release("local", "2.0.0+foo"),
    Release("uses-local", "1.0", ["local>2.0.0"]),
    Release("torch", "2.2.1"),
    Release("single", "1.0.0"),
    Release("moved-to-source", "1.0"),
    Release("moved-to-source", "2.0", sdist=True),
    Release("uses-moved", "1.0", ["fine"]),
    Release("uses-moved", "3.0", ["moved-to-source>=2"]),
    Release("never-again", "0.3.dev5"),
    Release("never-again", "0.9", sdist=True),
    Release("for-windows", "1.0", tag="cp312-cp312-win_amd64"),
    Release("psycopg2", "2.9", sdist=True),
    Release("contradictory", "1.0", ["markup==1.0", "markup==2.0"]),
    *(Release("recalled-often", f"1.{minor}", yanked="broken") for minor in range(3)),
    Release("foreign-abi", "1.0", tag="py3-graalpy240_310_native-any"),
    Release("marked-source", "1.0", ["sources>=1 ; sys_platform != 'cygwin' and sys_platform != 'win32'"]),
    Release("fine", "1.0"),
    Release("also-fine", "1.0", ["markup"]),
)


@dataclass(frozen=True)
class Case:
    """Requirements, and the result to come out: of each problem its culprits, and words that its message holds."""

    requirements: str
    reason: str
    """The reason of the first problem."""
    problems: tuple[tuple[str, ...], ...]
    """For each problem, words that its message must hold."""
    innocent: str = "fine"
    """Requirements that no problem may name."""


def _case(requirements: str, reason: str, *problems: tuple[str, ...], innocent: str = "fine") -> Case:
    return Case(requirements, reason, problems, innocent)


EXCLUDE, MISSING, UNKNOWN = "UnsatisfiableRequirements", "NoMatchingVersion", "PackageNotFound"
PYTHON, WHEEL = "PythonIncompatible", "NoWheel"

CASES = (
    _case("markup>=2 | markup<2 | fine", EXCLUDE, ("markup>=2", "markup<2")),
    _case("web==1.0 | http-core>=2 | fine", EXCLUDE, ("web==1.0", "http-core>=2", "web==1.0 needs http-core")),
    _case("web>=2 | legacy | fine", EXCLUDE, ("web>=2", "legacy", "legacy needs http-core<2")),
    _case("legacy | modern | fine", EXCLUDE, ("legacy needs http-core<2", "modern needs http-core>=3")),
    _case(
        "legacy-suite | modern | fine",
        EXCLUDE,
        ("legacy-suite needs legacy, legacy needs http-core<2", "modern needs http-core>=3"),
    ),
    _case("admin | theme | fine", EXCLUDE, ("admin needs templates<3", "theme needs templates>=3")),
    _case("admin | web==1.0 | fine", EXCLUDE, ("admin needs web>=2", "web==1.0")),
    _case("three | modern | fine", EXCLUDE, ("three", "modern needs http-core>=3")),
    _case("bridge | modern | fine", EXCLUDE, ("bridge", "modern")),
    _case("self-defeating | fine", EXCLUDE, ("self-defeating needs templates<2", "theme needs templates>=3")),
    _case("old-plugin-user | plugin>=2 | fine", EXCLUDE, ("old-plugin-user needs plugin<2", "plugin>=2")),
    _case("extras[old] | markup>=2 | fine", EXCLUDE, ("extras[old]", "markup>=2")),
    _case("extras[old,new] | fine", EXCLUDE, ("extras[new,old]", "markup<2", "markup>=2")),
    _case("marked | markup>=2 | fine", EXCLUDE, ("marked needs markup<2", "markup>=2")),
    _case(
        "low | high | engine<3,>=2 | fine",
        WHEEL,
        ("engine<3,>=2", "no wheel", "Windows"),
        ("low needs engine<3", "high needs engine>=2"),
    ),
    _case("low | high | fine", EXCLUDE, ("low needs engine<3", "high needs engine>=2", "engine==2.0 has no wheel")),
    _case("markup==7 | fine", MISSING, ("markup==7 does not exist", "newest release for Python 3.12 is 2.0")),
    _case("markup>2,<2.5 | fine", MISSING, ("No release matches markup<2.5,>2",)),
    _case("wants-future | fine", MISSING, ("wants-future needs markup>=9, and there is no such release",)),
    _case("beta>=2 | fine", MISSING, ("No release matches beta>=2", "is 1.0")),
    _case(
        "recalled>=2 | fine",
        MISSING,
        ("The one release of recalled>=2, 2.0, was withdrawn by its authors (it deletes files)",),
    ),
    _case("all-recalled | fine", MISSING, ("The one release of all-recalled, 1.0, was withdrawn by its authors.",)),
    _case("uses-recalled | fine", MISSING, ("uses-recalled needs recalled>=2", "withdrawn")),
    _case("no-such-thing | fine", UNKNOWN, ("no-such-thing is not in the package index",)),
    _case(
        "broken-dep==1.0 | fine", UNKNOWN, ("broken-dep==1.0 needs no-such-lib>=1", "broken-dep>=0.9,<0.10", "tried")
    ),
    _case("deep-broken | fine", UNKNOWN, ("deep-broken needs broken-dep>=1", "needs no-such-lib>=1")),
    _case("gadget | fine", UNKNOWN, ("gadget is not in the package index", "Check the spelling")),
    _case("json | fine", UNKNOWN, ("json is not in the package index. Remove the line: json is part of Python.",)),
    _case("secrets>=1 | fine", UNKNOWN, ("Remove the line: secrets is part of Python since 3.6.",)),
    _case("pkg_resources==0.0.0 | fine", UNKNOWN, ("Remove the line: `pip freeze` of Debian and Ubuntu",)),
    _case("command-not-found==0.3 | fine", UNKNOWN, ("Remove the line: it belongs to Ubuntu's own Python",)),
    _case("conda-build==3.26.1 | fine", UNKNOWN, ("Remove the line: it belongs to Anaconda",)),
    _case("mkl-service==2.4.0 | fine", MISSING, ("Remove the line: it belongs to Anaconda",)),
    _case("also-fien | also-fine", UNKNOWN, ("also-fien", "Did you mean also-fine"), innocent="also-fine"),
    _case("sklearn | fine", UNKNOWN, ("The module sklearn is part of scikit-learn",)),
    _case(
        "old-binary==1.0 | fine",
        PYTHON,
        ("old-binary==1.0 has no wheel for Python 3.12", "Python 3.7 to 3.10", "asks for Python", "<3.11", "to 3.10"),
    ),
    _case("uses-old-binary | fine", PYTHON, ("uses-old-binary needs old-binary<2", "Python 3.7 to 3.10")),
    _case("future | fine", PYTHON, ("future", "needs Python >=3.13", "Set pythonVersion to 3.13")),
    _case("uses-future | fine", PYTHON, ("uses-future needs future", "needs Python >=3.13")),
    _case("next-abi | fine", PYTHON, ("next-abi", "Python 3.13 and newer", "Set pythonVersion to 3.13")),
    _case("jit | fine", PYTHON, ("jit", "PyPy 3.10")),
    _case("ancient | fine", PYTHON, ("ancient", "Python 2")),
    _case("nogil | fine", PYTHON, ("nogil", "3.12 without the GIL")),
    _case("windows-of-old | fine", PYTHON, ("windows-of-old", "Python 3.9 on Windows (32 bits)")),
    _case("desktop | fine", WHEEL, ("desktop", "Windows, macOS (arm64)")),
    _case("uses-desktop | fine", WHEEL, ("uses-desktop needs desktop", "Windows")),
    _case("alpine | fine", WHEEL, ("alpine", "x86_64 Linux with musl 1.2")),
    _case("arm | fine", WHEEL, ("arm", "aarch64 Linux with glibc 2.17")),
    _case("fresh>=1 | fine", WHEEL, ("fresh>=1", "glibc 2.39", "Set spec.platform.glibc to the newer one")),
    _case("sources | fine", WHEEL, ("sources", "source code only", "spec.sourceDistributions")),
    _case("uses-sources | fine", WHEEL, ("uses-sources needs sources", "source code only")),
    _case("old-sources | fine", WHEEL, ("old-sources", "source code only", "asks for Python <3.11")),
    _case(
        "marked-source | fine",
        WHEEL,
        (
            "marked-source needs sources",
            "sources (newest: 1.1) is published as source",
        ),
    ),
    _case("foreign-abi | fine", PYTHON, ("its wheels are for Python 3 with the ABI graalpy240_310_native",)),
    _case("contradictory | fine", EXCLUDE, ("contradictory needs markup==1.0 and markup==2.0",)),
    # What PEP 440 leaves out is said; what can't be had by itself is one problem and not two.
    _case("post>1.2.3 | fine", MISSING, ("No release matches post>1.2.3 (by PEP 440 that leaves out 1.2.3.post1)",)),
    _case("uses-local | local==2.0.0+foo | fine", MISSING, ("needs local>2.0.0", "leaves out 2.0.0+foo")),
    _case("beta>=2.0 | fine", MISSING, ("leaves out 2.0rc1", "newest release for Python 3.12 is 1.0")),
    _case("single!=1.0.0 | fine", MISSING, ("No release matches single!=1.0.0", "Allow 1.0.0 again.")),
    _case(
        "torch==2.2.1+cpu | fine",
        MISSING,
        (
            "torch 2.2.1 is there, but not its build +cpu. It comes from PyTorch's own index: add "
            "https://download.pytorch.org/whl/cpu to spec.index.extraUrls, or ask for torch==2.2.1.",
        ),
    ),
    _case(
        "markup==2.0+acme | fine",
        MISSING,
        ("markup 2.0 is there, but not its build +acme", "index of their own: add it to spec.index.extraUrls"),
    ),
    _case(
        "recalled-often | fine", MISSING, ("All 3 releases of recalled-often were withdrawn", "(1.2) because: broken")
    ),
    # Nothing that goes backwards is proposed, nor a pre-release.
    _case(
        "never-again==0.9 | fine", WHEEL, ("source code only, without a wheel. Set spec.sourceDistributions to Allow",)
    ),
    _case(
        "uses-moved==3.0 | fine",
        WHEEL,
        (
            "Set spec.sourceDistributions to Allow, which runs its build code",
            "Or ask for uses-moved>=1.0,<1.1 instead of uses-moved==3.0, which is older: that was tried",
        ),
    ),
    _case(
        "for-windows | fine",
        WHEEL,
        (
            "for-windows can't be had for Linux: its wheels are for Windows. Leave it out, or keep it for Windows alone: for-windows; sys_platform == 'win32'.",
        ),
    ),
    _case("psycopg2 | fine", WHEEL, ("Ask for psycopg2-binary, which has wheels, or set spec.sourceDistributions",)),
    # All at once.
    _case(
        "legacy | bridge | modern | legacy-suite | fine",
        EXCLUDE,
        ("legacy needs http-core<2", "bridge needs http-core>=2,<3"),
        ("modern needs http-core>=3", "legacy-suite needs legacy"),
        ("legacy needs http-core<2", "modern needs http-core>=3"),
    ),
    _case(
        "plugin>=2 | old-plugin-user | extras[old] | fine",
        EXCLUDE,
        ("plugin>=2", "old-plugin-user needs plugin<2"),
        ("plugin>=2 needs markup>=2", "extras[old] needs markup<2"),
    ),
    _case(
        "nowhere-a | nowhere-b>2 | markup==7 | fine",
        MISSING,
        ("nowhere-a",),
        ("nowhere-b",),
        ("markup==7",),
    ),
    _case(
        "legacy | modern | admin | theme | desktop | sources | future | recalled>=2 | fine | also-fine",
        EXCLUDE,
        ("legacy", "modern"),
        ("admin", "theme"),
        ("legacy needs http-core<2", "admin needs web>=2"),
        ("desktop",),
        ("sources",),
        ("future",),
        ("recalled>=2",),
        innocent="fine | also-fine",
    ),
)
