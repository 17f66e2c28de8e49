"""The tables of docs/requirements.md and docs/errors.md, made by running the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from dagy.core.requirements.dependency import parse_dependency
from dagy.core.requirements.errors import ErrorCode, RequirementError
from dagy.core.requirements.files.requirements_file import Kept, Malformed, Skipped, read_requirements
from dagy.core.requirements.target import Target, for_target
from dagy.core.requirements.version_mode import VersionMode, caution, recognize, version_spec

KINDS_OF_VERSION = {
    "2.31.0": "three parts",
    "0.4.2": "0.x",
    "5": "one part",
    "2.1": "two parts",
    "1.2.3.4": "four parts",
    "2026.10.18": "calendar",
    "1!2.3.4": "epoch",
    "2.0.0rc1": "pre-release",
    "1.2.0.dev3": "development",
    "1.2.3.post1": "post-release",
    "2.1.0+cu118": "local",
}

SPECIFIERS = (
    "==2.31.0",
    ">=2.31.0,<2.32.0",
    ">=2.31,<2.32",
    ">=3.0,<4.0",
    "",
    ">=1.3",
    "~=1.4.2",
    "==2.*",
    "===2.31.0",
    "<2",
    ">=2.31.5,<2.32.0",
    ">=1,<2,!=1.5",
)

LINES = (
    "requests==2.31.0",
    "Flask<4.0, >=3.0  # web",
    "strands-agents[a2a]",
    "mylib @ https://host/mylib-1.0-py3-none-any.whl",
    "numpy==1.26.4 --hash=sha256:1a2b",
    'tomli; python_version < "3.11"',
    'httpx; python_version >= "3.8"',
    'async-timeout; python_full_version < "3.12.3"',
    "# a comment",
    "-r base.txt",
    "-c constraints.txt",
    "-e ./src",
    "--index-url https://user:password@host/simple",
    "--no-binary :all:",
)

EXAMPLES = {
    ErrorCode.EMPTY: "",
    ErrorCode.FOREIGN_FILE: "numpy=1.26.4=py312h2809609_0",
    ErrorCode.TOO_LONG: "a-name-that-does-not-end" + "-" * 500,
    ErrorCode.CONTROL_CHARACTER: "pandas\u200b>=2",
    ErrorCode.NOT_ASCII: "scikit–learn",
    ErrorCode.BACKSLASH: "C:\\wheels\\mylib.whl",
    ErrorCode.VARIABLE: "mylib @ https://host/${TOKEN}/mylib-1.0-py3-none-any.whl",
    ErrorCode.OPTION: "--index-url https://host/simple",
    ErrorCode.COMMENT: "pandas>=2 # data frames",
    ErrorCode.LOCAL_PATH: "./mylib-1.0-py3-none-any.whl",
    ErrorCode.VERSION_CONTROL: "mylib @ git+https://host/mylib.git@main",
    ErrorCode.URL_WITHOUT_NAME: "https://host/mylib-1.0-py3-none-any.whl",
    ErrorCode.URL_SCHEME: "mylib @ http://host/mylib-1.0-py3-none-any.whl",
    ErrorCode.URL_CREDENTIALS: "mylib @ https://user:password@host/mylib-1.0-py3-none-any.whl",
    ErrorCode.URL_QUERY: "mylib @ https://host/mylib-1.0-py3-none-any.whl?token=1a2b",
    ErrorCode.URL_MALFORMED: 'mylib @ https://host/mylib-1.0-py3-none-any.whl; python_version<"3.12"',
    ErrorCode.URL_NOT_A_PACKAGE: "mylib @ https://host/projects/mylib/",
    ErrorCode.URL_OF_OTHER_PACKAGE: "mylib @ https://host/other-1.0-py3-none-any.whl",
    ErrorCode.NAME_MALFORMED: "_pandas",
    ErrorCode.VERSION_MALFORMED: "pandas==2.x",
    ErrorCode.SYNTAX: "pandas=2.0",
    ErrorCode.UNSATISFIABLE: "pandas>=2,<1",
    ErrorCode.MARKER_UNDEFINED: 'pandas; "dev" in dependency_groups',
    ErrorCode.MARKER_TOO_DEEP: "pandas; " + "(" * 11 + 'os_name == "posix"' + ")" * 11,
}


def version_modes_table() -> str:
    """What each mode makes of each kind of version."""
    modes = (VersionMode.EXACT, VersionMode.MINOR_RANGE, VersionMode.MAJOR_RANGE)
    rows = []
    for text, kind in KINDS_OF_VERSION.items():
        version = Version(text)
        said = {caution(version, mode) for mode in modes} - {None}
        rows.append(
            [_code(text), kind, *(_code(version_spec(version, mode)) for mode in modes), *map(str, said or {""})]
        )
    return _table(["Version", "Kind", "Exact", "Minor range", "Major range", "Mind"], rows)


def recognized_table() -> str:
    """What the version selector makes of a specifier."""
    rows = ([_code(spec) or "(empty)", recognize(SpecifierSet(spec)).mode] for spec in SPECIFIERS)
    return _table(["Specifier", "Mode"], rows)


def lines_table(python_version: str = "3.12") -> str:
    """What lines of a requirements.txt become."""
    rows = []
    for line in LINES:
        (outcome,) = read_requirements(line, Target(python_version)).outcomes
        match outcome:
            case Kept():
                rows.append([_code(line), "kept", _code(str(outcome.dependency)), outcome.note or ""])
            case Skipped():
                rows.append([_code(line), f"skipped: {outcome.reason}", "", outcome.why])
            case _:
                raise LookupError(f"the line {line!r} is neither kept nor skipped")
    return _table(["Line", "Outcome", "In the list", "Why"], rows)


def errors_table() -> str:
    """Every cause of a `RequirementError`, with an example and what is said about it."""
    return _table(["Code", "Example", "Message", "What to do"], map(_error_row, ErrorCode))


def _error_row(code: ErrorCode) -> list[str]:
    example = EXAMPLES[code]
    error = _refusal(example, whole_file=code is ErrorCode.FOREIGN_FILE)
    if error is not None and error.code is code:
        return [_code(code), _code(error.text), error.message, error.hint]
    raise LookupError(f"the example of {code} does not show it")


def _refusal(example: str, *, whole_file: bool) -> RequirementError | None:
    if whole_file:
        (outcome,) = read_requirements(example, Target("3.12")).outcomes
        return outcome.error if isinstance(outcome, Malformed) else None
    try:
        for_target(parse_dependency(example), Target("3.12"))
    except RequirementError as error:
        return error
    return None


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
