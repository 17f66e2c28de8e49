"""Manifests as YAML that every parser takes for the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_WIDTH = 1000
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ._/=<>!~,\[\]-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class _Dumper(yaml.SafeDumper):
    """Quotes each text that could be taken for something else.

    PyYAML's own rule knows YAML 1.1 as PyYAML reads it: kubectl's parser takes 1e5 for a number, and y for true.
    """


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def yaml_text(*documents: Mapping[str, Any]) -> str:
    """Return the documents, fields in the order that they have."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
