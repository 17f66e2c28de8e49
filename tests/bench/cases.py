"""What is built: three lists of requirements, all for one Python and one platform."""

from __future__ import annotations

from dataclasses import dataclass

PYTHON = "3.12"
UV_PLATFORM = "x86_64-manylinux_2_28"
PEX_PLATFORM = "manylinux_2_28_x86_64-cp-312-cp312"


@dataclass(frozen=True)
class Case:
    """A list of requirements."""

    name: str
    requirements: tuple[str, ...]

    @property
    def text(self) -> str:
        """As a requirements.txt."""
        return "".join(f"{one}\n" for one in self.requirements)


ONE = Case("requests", ("requests",))
SCIENCE = Case("pandas + scikit-learn + requests", ("pandas", "scikit-learn", "requests"))
# Nothing native among them, nor among what they depend on: many small files, and a resolution with many names.
_PURE = """
anyio asgiref attrs babel backoff beautifulsoup4 boto3 cachetools certifi click
cloudpickle colorama decorator dill distlib docutils filelock fsspec h11 httpcore
httpx humanize idna importlib-metadata iniconfig isodate jmespath joblib lark markdown-it-py
marshmallow more-itertools networkx oauthlib packaging pathspec platformdirs pluggy pycparser pyasn1
pygments pyjwt pyparsing pytest python-dateutil python-dotenv pytz uritemplate rich six
sqlparse sympy tabulate tenacity tomlkit toolz tqdm tzdata urllib3 zipp
"""
PURE = Case("60 pure-Python packages", tuple(_PURE.split()))
CASES = {"a": ONE, "b": SCIENCE, "c": PURE}
