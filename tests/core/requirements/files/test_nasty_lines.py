"""One line each, with its outcome: what it becomes, why it is skipped, or what is wrong and where."""

import pytest

from dagy.core.requirements import ErrorCode as E
from dagy.core.requirements import Target
from dagy.core.requirements.files import Kept, Malformed, Skipped, SkipReason, read_requirements

S = SkipReason
WHEEL = "https://host/foo-1.0-py3-none-any.whl"

KEPT = {
    "requests": "requests",
    "  requests  ": "requests",
    "\trequests\t==\t2.31.0": "requests==2.31.0",
    "Requests == 2.31.0": "requests==2.31.0",
    "requests (>=2.31)": "requests>=2.31",
    "requests>=2.31,": "requests>=2.31",
    "zope.interface==6.0": "zope-interface==6.0",
    "Foo__bar..baz": "foo-bar-baz",
    "a": "a",
    "2to3": "2to3",
    "foo==1.0 # pinned": "foo==1.0",
    "foo==1.0\t# pinned": "foo==1.0",
    "foo==1.0 # see #12": "foo==1.0",
    "foo[]": "foo",
    "foo[b,A_x,b]": "foo[a-x,b]",
    "foo [bar] >= 1": "foo[bar]>=1",
    "foo==1!2.0": "foo==1!2.0",
    "foo===1.0": "foo===1.0",
    "foo==1.0+cu118": "foo==1.0+cu118",
    "foo~=1.4.2": "foo~=1.4.2",
    "foo==1.4.*,!=1.4.3": "foo==1.4.*,!=1.4.3",
    "foo==2024.1.dev0": "foo==2024.1.dev0",
    "foo>=1.0-beta.2": "foo>=1.0b2",
    f"foo @ {WHEEL}": f"foo @ {WHEEL}",
    f"foo@{WHEEL}": f"foo @ {WHEEL}",
    f"foo[x] @ {WHEEL}#sha256=ab12": f"foo[x] @ {WHEEL}#sha256=ab12",
    f"foo @ {WHEEL} ; python_version >= '3.8'": f"foo @ {WHEEL}",
    f"foo @ {WHEEL} # a comment": f"foo @ {WHEEL}",
    "foo @ https://host/foo-1.0%2Bcpu-py3-none-any.whl": "foo @ https://host/foo-1.0%2Bcpu-py3-none-any.whl",
    "foo @ https://host:8443/archive/main.zip": "foo @ https://host:8443/archive/main.zip",
    "foo; python_version >= '3.8'": "foo",
    "foo;python_version<'4' and (sys_platform=='linux' or os_name=='nt')": "foo",
    "foo; 'linux' in sys_platform": "foo",
    "foo; python_version in '3.11, 3.12'": "foo",
    "foo; platform_machine == 'x86_64'": "foo",
    "foo; python_full_version < '3.12.4'": "foo",
    "foo; implementation_name == 'cpython'": "foo",
    "foo==1.0 --hash=sha256:aa --hash=sha256:bb": "foo==1.0",
    "foo==1.0 \\": "foo==1.0",
    "foo\\  ": "foo",
    'foo==1.0 --config-settings "--build-option=x"': "foo==1.0",
}

SKIPPED = {
    "": None,
    "   \t": S.BLANK,
    "#": S.COMMENT,
    "   # indented": S.COMMENT,
    "#requests==2.0": S.COMMENT,
    "-r base.txt": S.REQUIREMENTS_FILE,
    "-rbase.txt": S.REQUIREMENTS_FILE,
    "--requirement=/etc/passwd": S.REQUIREMENTS_FILE,
    "-r https://user:secret@host/base.txt": S.REQUIREMENTS_FILE,
    "-c constraints.txt": S.CONSTRAINTS_FILE,
    "--constraint constraints.txt": S.CONSTRAINTS_FILE,
    "-e .": S.EDITABLE,
    "-e git+https://secret@host/foo#egg=foo": S.EDITABLE,
    "--editable=./src": S.EDITABLE,
    "-i https://user:secret@host/simple": S.INDEX,
    "--index-url=https://secret@host/simple # mirror": S.INDEX,
    "--extra-index-url https://host/simple": S.INDEX,
    "-f https://host/links": S.INDEX,
    "--find-links=./wheels": S.INDEX,
    "--no-index": S.INDEX,
    "--trusted-host host": S.INDEX,
    "--no-binary :all:": S.OPTION,
    "--only-binary=:all:": S.OPTION,
    "--pre": S.OPTION,
    "--require-hashes": S.OPTION,
    "--use-feature=fast-deps": S.OPTION,
    "--never-heard-of": S.OPTION,
    "--hash=sha256:aa": S.OPTION,
    "pywin32==306; sys_platform == 'win32'": S.NOT_NEEDED,
    "tomli; python_version < '3.11'": S.NOT_NEEDED,
    "foo; python_full_version < '3.12'": S.NOT_NEEDED,
    "foo; extra == 'dev'": S.NOT_NEEDED,
    "foo; os_name == 'a' # b'": S.NOT_NEEDED,
    "foo; platform_python_implementation == 'PyPy'": S.NOT_NEEDED,
    "foo; platform_machine == 'arm64'": S.NOT_NEEDED,
}

MALFORMED = {
    "foo==": (E.VERSION_MALFORMED, 3),
    "foo>=,<2": (E.VERSION_MALFORMED, 3),
    "foo=1.0": (E.SYNTAX, 3),
    "foo=>1.0": (E.SYNTAX, 3),
    "foo 1.0": (E.SYNTAX, 4),
    "foo^1.2": (E.SYNTAX, 3),
    "foo ~1.2": (E.SYNTAX, 4),
    'foo = "^1.2"': (E.SYNTAX, 4),
    "python=3.10=h12debd9_1": (E.FOREIGN_FILE, None),
    "foo~=1": (E.VERSION_MALFORMED, 3),
    "foo>=1.*": (E.VERSION_MALFORMED, 7),
    "foo==1.x": (E.VERSION_MALFORMED, 6),
    "foo==latest": (E.VERSION_MALFORMED, 3),
    "foo==1.0.0final2": (E.VERSION_MALFORMED, 10),
    "foo>=1.0+local": (E.VERSION_MALFORMED, 8),
    "foo===2004d": (E.VERSION_MALFORMED, 3),
    "foo>=2,<1": (E.UNSATISFIABLE, None),
    "foo==1,==2": (E.UNSATISFIABLE, None),
    "foo bar": (E.SYNTAX, 4),
    "foo, bar": (E.SYNTAX, 3),
    "foo[bar": (E.SYNTAX, 7),
    "foo[bar baz]": (E.SYNTAX, 8),
    "foo[,]": (E.SYNTAX, 4),
    "foo(>=1": (E.SYNTAX, 7),
    "foo; python_version > 3": (E.SYNTAX, 22),
    "foo; python_version": (E.SYNTAX, 19),
    "foo; pyhton_version > '3'": (E.SYNTAX, 5),
    "foo;": (E.SYNTAX, 4),
    "foo; 'a' > 'b'": (E.MARKER_UNDEFINED, 3),
    "foo; " + 20 * "(" + "os_name == 'x'" + 20 * ")": (E.MARKER_TOO_DEEP, 15),
    "_foo": (E.NAME_MALFORMED, 0),
    "foo-": (E.NAME_MALFORMED, 3),
    "==1.0": (E.NAME_MALFORMED, 0),
    "[foo]": (E.NAME_MALFORMED, 0),
    "- foo": (E.OPTION, 0),
    "-1": (E.OPTION, 0),
    "--": (E.OPTION, 0),
    "foo -e .": (E.OPTION, 4),
    "./foo": (E.LOCAL_PATH, 0),
    "../foo-1.0.tar.gz": (E.LOCAL_PATH, 0),
    "/tmp/foo": (E.LOCAL_PATH, 0),
    "~/foo": (E.LOCAL_PATH, 0),
    "wheels/foo-1.0-py3-none-any.whl": (E.LOCAL_PATH, 0),
    "foo-1.0-py3-none-any.whl": (E.LOCAL_PATH, 0),
    "file:///tmp/foo.whl": (E.LOCAL_PATH, 0),
    "foo @ file:///home/conda/feedstock_root/build_artifacts/foo_1/work": (E.LOCAL_PATH, 0),
    "foo@FILE:///tmp/foo.whl": (E.LOCAL_PATH, 0),
    "foo @ ./foo.whl": (E.LOCAL_PATH, 0),
    "C:\\wheels\\foo.whl": (E.BACKSLASH, 2),
    "git+https://host/foo": (E.VERSION_CONTROL, 0),
    "git@github.com:owner/foo.git": (E.VERSION_CONTROL, 0),
    "foo @ git+ssh://git@host/foo@v1": (E.VERSION_CONTROL, 6),
    "foo @ hg+http://host/foo": (E.VERSION_CONTROL, 6),
    WHEEL: (E.URL_WITHOUT_NAME, 0),
    f"foo @ {WHEEL.replace('https', 'http')}": (E.URL_SCHEME, 6),
    "foo @ ftp://host/foo.whl": (E.URL_SCHEME, 6),
    "foo @ s3://bucket/foo.whl": (E.URL_SCHEME, 6),
    "foo @ host/foo.whl": (E.URL_SCHEME, 6),
    "foo @": (E.URL_MALFORMED, 5),
    "foo @ https://": (E.URL_MALFORMED, 6),
    "foo @ https:///foo.whl": (E.URL_MALFORMED, 6),
    "foo @ https://host:99999/foo.whl": (E.URL_MALFORMED, 6),
    "foo @ https://[::1]/foo.whl": (E.URL_MALFORMED, 14),
    "foo @ https://host/foo.whl;python_version>'3'": (E.URL_MALFORMED, 26),
    "foo @ https://host/foo.whl; python_version>'3'": (E.URL_MALFORMED, 26),
    "foo @ https://127.1/foo-1.0-py3-none-any.whl": (E.URL_MALFORMED, 6),
    "foo @ https://host/a/..%2Fb/foo-1.0-py3-none-any.whl": (E.URL_MALFORMED, 6),
    "foo @ https://host/{sha}/foo.whl": (E.URL_MALFORMED, 19),
    "foo @ https://user:secret@host/foo.whl": (E.URL_CREDENTIALS, 6),
    "foo @ https://secret@host/foo.whl": (E.URL_CREDENTIALS, 6),
    "foo @ https://host/foo.whl?token=secret": (E.URL_QUERY, 26),
    "foo @ https://host/simple/foo/": (E.URL_NOT_A_PACKAGE, 6),
    "foo @ https://host/foo.whl": (E.URL_NOT_A_PACKAGE, 6),
    "foo @ https://host/foo-1.0.exe": (E.URL_NOT_A_PACKAGE, 6),
    "foo @ https://host/foo-1.0.tar.gz/": (E.URL_NOT_A_PACKAGE, 6),
    "foo @ https://host/bar-1.0.tar.gz": (E.URL_OF_OTHER_PACKAGE, 6),
    "foo @ https://host/bar-1.0-py3-none-any.whl": (E.URL_OF_OTHER_PACKAGE, 6),
    "foo @ https://host/a b.whl": (E.SYNTAX, 21),
    "foo==${VERSION}": (E.VARIABLE, 5),
    "foo @ https://host/${TOKEN}/foo.whl": (E.VARIABLE, 19),
    "foo\x00==1": (E.CONTROL_CHARACTER, 3),
    "foo\x0c==1": (E.CONTROL_CHARACTER, 3),
    "foo\u2028bar": (E.CONTROL_CHARACTER, 3),
    "foo\u200b==1": (E.CONTROL_CHARACTER, 3),
    "foo\u00a0==1": (E.CONTROL_CHARACTER, 3),
    "foo–bar": (E.NOT_ASCII, 3),
    "foo; os_name == “posix”": (E.NOT_ASCII, 16),
    "ｆｏｏ": (E.NOT_ASCII, 0),
    "пакет": (E.NOT_ASCII, 0),
    "\ud800foo": (E.CONTROL_CHARACTER, 0),
    "foo \\ bar": (E.BACKSLASH, 4),
    "x" * 513: (E.TOO_LONG, None),
    "<html>": (E.NAME_MALFORMED, 0),
    "[tool.poetry.dependencies]": (E.NAME_MALFORMED, 0),
    '"foo==1.0",': (E.NAME_MALFORMED, 0),
    "foo::bar": (E.NAME_MALFORMED, 3),
}


def outcomes(line: str) -> tuple[object, ...]:
    return read_requirements(line, Target("3.12")).outcomes


@pytest.mark.parametrize("line", KEPT, ids=repr)
def test_kept(line: str) -> None:
    (outcome,) = outcomes(line)
    assert isinstance(outcome, Kept)
    assert str(outcome.dependency) == KEPT[line]
    assert (outcome.note is None) == ("--" not in line)


@pytest.mark.parametrize("line", SKIPPED, ids=repr)
def test_skipped(line: str) -> None:
    reasons = [outcome.reason if isinstance(outcome, Skipped) else outcome for outcome in outcomes(line)]
    assert reasons == ([SKIPPED[line]] if SKIPPED[line] else [])
    assert "secret" not in repr(outcomes(line))


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: ascii(line[:60]))
def test_malformed(line: str) -> None:
    (outcome,) = outcomes(line)
    assert isinstance(outcome, Malformed), outcome
    error = outcome.error
    assert (error.code, error.position) == MALFORMED[line]
    assert "secret" not in f"{error}{error!r}{outcome!r}"
    assert error.message.endswith(".")
    assert error.hint.endswith((".", '".')), "a hint is a sentence"
    if error.position is not None:
        assert error.excerpt.splitlines() == [error.text, " " * error.position + "^"]


def test_there_are_enough_of_them_for_every_cause() -> None:
    assert len(KEPT) + len(SKIPPED) + len(MALFORMED) >= 60
    # These two cannot come from a line of a file: an empty one is skipped, a comment ends the requirement.
    assert {code for code, _ in MALFORMED.values()} == set(E) - {E.EMPTY, E.COMMENT}
    # These depend on other lines, or on the list.
    assert {reason for reason in SKIPPED.values() if reason} == set(S) - {S.REPEATED, S.SAME_VERSION, S.OTHER_EXTRAS}
