"""Whatever is put in: nothing but the library's own error comes out, and no credential does."""

import string
from collections.abc import Callable
from typing import TypeVar

from hypothesis import example, given
from hypothesis import strategies as st

from dagy.core.requirements import RequirementError, Target, normalize, parse_dependency
from dagy.core.requirements.files import Malformed, UnusableFileError, decode, merge, read_requirements
from dagy.core.requirements.files.logical_lines import MAX_BYTES, logical_lines
from dagy.core.requirements.files.report import report
from dagy_builder.platforms import PYTHON_VERSIONS
from dagy_builder.redact import redact_requirement

T = TypeVar("T")
R = TypeVar("R")

# Words of the grammar in any order come much further than random characters do.
GRAMMAR = r"""
foo Foo_bar 1.0 2!1.0rc1.post2.dev3+local * .* == === >= <= ~= != < > = ^ ~ @ , ; ( ) [ ] { } # ? / ./ ' " \ $ ${X}
- -- -r -e -c --hash= https:// http:// file:// git+https:// host/ user:pw@ foo-1.0-py3-none-any.whl é ٣
and or not in extra extras dependency_groups python_version python_full_version os_name platform_release sys_platform
'posix' "3.12"
"""
WORDS = [*GRAMMAR.split(), "\ud800", "\x00", " ", "\t", "\n", "\r\n", "\x0c", "\u2028", "\ufeff"]
soup = st.lists(st.sampled_from([*WORDS, " ", ""]), max_size=25).map("".join)
hostile = st.one_of(soup, st.text(max_size=80), st.builds("foo; {}".format, soup), st.builds("foo @ {}".format, soup))
pythons = st.sampled_from(PYTHON_VERSIONS)


def attempt(function: Callable[[T], R], argument: T, expected: type[Exception]) -> R | Exception:
    try:
        return function(argument)
    except expected as error:
        return error


@given(hostile)
@example("foo; " + "(" * 500)
@example("foo" + "[" * 500)
@example("foo==" + "1" * 500)
@example("foo==" + "1." * 250)
@example("foo; extras == 'x'")
@example("foo; os_name in extras")
@example("foo; 'x' in dependency_groups")
@example("foo; extra == os_name")
@example("foo; python_version ~= '3'")
@example("foo; os_name ~= '3'")
@example("foo @ https://[")
@example("foo @ https://[::1")
@example("foo @ https://%zz/foo.whl")
def test_parsing_raises_nothing_but_the_librarys_error(text: str) -> None:
    result = attempt(parse_dependency, text, RequirementError)
    if isinstance(result, RequirementError):
        assert result.message
        assert result.hint
        assert result.text.isprintable()
        assert result.position is None or 0 <= result.position <= len(result.text)
    else:
        assert str(result).isascii()
        assert str(result).isprintable()
        assert "$" not in str(result)


@given(st.lists(hostile, max_size=6), pythons)
def test_normalizing_accounts_for_every_entry(texts: list[str], python: str) -> None:
    result = normalize(texts, python)
    assert len(result.dependencies) + len(result.dropped) + len(result.errors) == len(texts)
    again = normalize(result.dependencies, python)
    assert again == type(result)(result.dependencies), "a normalized list is normal"


@given(st.lists(hostile, max_size=8).map("\n".join), pythons)
def test_reading_accounts_for_every_line(text: str, python: str) -> None:
    file = read_requirements(text, Target(python))
    covered = [n for outcome in file.outcomes for n in range(outcome.number, outcome.last + 1)]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert covered == list(range(1, len(lines) + (lines[-1] != "")))
    assert report(merge((), file), python).summary.kept == len(file.dependencies)


@given(st.binary(max_size=200))
@example(b"\xff\xfef\x00o\x00")
@example(b"\xff\xfe\x00")
@example(b"\x00" * 10)
def test_decoding_raises_nothing_but_the_librarys_error(data: bytes) -> None:
    text = attempt(decode, data, UnusableFileError)
    if isinstance(text, str):
        read_requirements(text, Target("3.12"))


SECRET = st.text(string.ascii_letters + string.digits + "!*'_.-/%=+&", min_size=8, max_size=20).map("S3CR{}T".format)


@given(
    SECRET,
    st.sampled_from(
        [
            "foo @ https://user:{}@host/foo-1.0-py3-none-any.whl",
            "foo @ https://{}@host/foo-1.0-py3-none-any.whl",
            "foo @ https://user:{} x@host/foo.whl",
            "foo @ https://host/foo-1.0-py3-none-any.whl?token={}",
            "foo @ http://user:{}@host/foo.whl ; python_version > '3'",
            "foo @ git+https://{}@host/foo.git@v1",
            "foo @ ssh://git:{}@host/foo",
            "foo @ user:{}@host/foo.whl",
            "foo @ https://user:{}@host:bad/foo.whl",
            "foo @ https://user:{}@[::1/foo.whl",
            "https://user:{}@host/foo-1.0-py3-none-any.whl",
            "git+https://user:{}@host/foo.git#egg=foo",
            "-e git+https://user:{}@host/foo.git#egg=foo",
            "-r https://user:{}@host/base.txt",
            "-ihttps://user:{}@host/simple",
            "--index-url https://user:{}@host/simple",
            "--extra-index-url=https://{}@host/simple",
            "--proxy user:{}@host:8080",
            "--unknown {}",
            "# --index-url https://user:{}@host/simple",
            "foo==1.0 --config-settings token={}",
            "foo==1.0 # https://user:{}@host",
            "foo===https://user:{}@host",
            "foo\x00 @ https://user:{}@host/foo.whl",
            "foo @ https://user:{}@host/foo–bar.whl",
            "foo @ https://user:{}@host/${{X}}/foo.whl",
            "foo @ https://user:{}@host/" + "x" * 600,
            "foo @ https://user:{}" + "x" * 600 + "@host/foo.whl",
        ]
    ),
)
def test_credentials_never_come_back(secret: str, template: str) -> None:
    text = template.format(secret)
    assert secret not in redact_requirement(text).replace("--unknown ", "") or "://" not in text
    result = normalize([text, "foo==1"], "3.12")
    assert secret not in repr(result)
    file = read_requirements(text, Target("3.12"))
    assert secret not in repr(report(merge((), file), "3.12"))
    for outcome in file.outcomes:
        assert secret not in (repr(outcome) + (str(outcome.error) if isinstance(outcome, Malformed) else ""))


@given(st.text(max_size=50))
def test_what_holds_no_colon_is_only_made_printable(text: str) -> None:
    shown = redact_requirement(text.replace(":", ""))
    assert shown.isprintable()
    if text.isprintable():
        assert shown == text.replace(":", "")


def test_long_lines_take_linear_time() -> None:
    """Each of these takes minutes where a search begins anew at each blank or letter."""
    for line in (
        " " * MAX_BYTES,
        "foo" + " " * MAX_BYTES + "x",
        "a" * MAX_BYTES,
        "\\ " * (MAX_BYTES // 2),
        "# " + "a:" * 500_000,
    ):
        assert len(read_requirements(line, Target("3.12")).outcomes) == 1
    assert sum(1 for _ in logical_lines("\\\n" * (MAX_BYTES // 2))) == 1
