"""An outcome is cut to what Kubernetes keeps, and stays one."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.contract import Fix, Problem, Reason, Step, StepOutcome
from dagy_builder.steps.outcome import clipped


@given(
    st.lists(st.tuples(st.text(max_size=900), st.text(max_size=500)), max_size=60),
    st.text(max_size=5000),
    st.text(max_size=6000),
)
def test_a_clipped_outcome_is_valid_and_fits(problems: list[tuple[str, str]], message: str, raw: str) -> None:
    told = [Problem(message=m, requirement="a", why=w, hint=w).to_json() for m, w in problems]
    outcome = StepOutcome(
        Step.RESOLVE, ok=False, reason=Reason.NO_WHEEL, message=message, problems=told, result={"raw": raw}
    )
    text = clipped(outcome)
    assert len(text.encode()) <= 4096
    read = StepOutcome.from_json(json.loads(text))
    assert (read.step, read.ok, read.reason) == ("resolve", False, "NoWheel")


def test_fixes_go_first() -> None:
    fixes = [Fix("a==1", "a>=1.1,<1.2", "1.1.4", tried=True).to_json()] * 9
    told = [Problem(message=f"problem {n}", requirement="a==1", hint="h", fixes=fixes).to_json() for n in range(20)]
    assert Problem.from_json(told[0]).fixes == fixes
    read = json.loads(clipped(StepOutcome(Step.RESOLVE, ok=False, message="m", problems=told)))
    assert [p["hint"] for p in read["problems"]] == ["h"] * 20
    assert not any("fixes" in p for p in read["problems"])


def test_clipping_keeps_all_it_can() -> None:
    told = [Problem(message=f"problem {n}", requirement=f"r{n}", why="y" * 300).to_json() for n in range(30)]
    read = json.loads(clipped(StepOutcome(Step.RESOLVE, ok=False, message="m", problems=told)))
    assert [p["message"] for p in read["problems"]] == [f"problem {n}" for n in range(30)]
