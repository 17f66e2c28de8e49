"""Names of a list, and those that packages ask for."""

from __future__ import annotations

from dagy.core.index.known_names import MOST_POPULAR, names_used, popular_names


def test_a_list_counts_in_its_order() -> None:
    text = "# the most popular\nboto3\nScikit_Learn\n\n  numpy  \nscikit-learn\nno name\n\x1b[31m\n"
    assert popular_names(text).numbers == {"boto3": 0, "scikit-learn": 1, "numpy": 2}


def test_a_list_has_a_bound() -> None:
    assert len(popular_names("\n".join(f"p{number}" for number in range(MOST_POPULAR + 9))).numbers) == MOST_POPULAR


def test_names_that_packages_ask_for() -> None:
    packages = [
        {"spec": {"dependencies": ["Pandas[perf]>=2", "pandas<3; python_version>'3.11'", "scikit_learn", 7, ""]}},
        {"spec": {"dependencies": ["pandas @ https://h/pandas-1-py3-none-any.whl"]}},
        {"spec": {}},
        {},
    ]
    assert names_used(packages) == {"pandas": 2, "scikit-learn": 1}
