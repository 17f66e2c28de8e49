"""Kubernetes objects with holes for Helm's expressions, as the text of a template. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Hole:
    """Stands for a value: the text of an expression, such as `{{ .Values.api.replicas }}`."""

    text: str


@dataclass(frozen=True)
class Lines:
    """Stands for entries of a mapping, as a key, or for items of a list: whole lines, control structures among them."""

    text: str


_HOLE = re.compile(r"HOLE(\d+)_")
_LINES = re.compile(r"^( *)(?:- LINES(\d+)_|LINES(\d+)_: '')$", re.MULTILINE)
WIDTH = 120


def render(document: Mapping[str, Any]) -> str:
    """The document as YAML with its holes filled. Helm gives its own text back as it is, braces and all."""
    texts: list[str] = []
    text = yaml.safe_dump(_marked(document, texts), sort_keys=False, width=WIDTH, allow_unicode=True)
    text = text.replace("{{", '{{ "{{" }}')
    text = _LINES.sub(lambda found: _indented(texts[int(found[2] or found[3])], found[1]), text)
    return _HOLE.sub(lambda found: texts[int(found[1])], text)


def _marked(value: Any, texts: list[str]) -> Any:
    """The value with a mark in each hole's place; `texts` gets what goes there."""
    match value:
        case Hole(text):
            texts.append(text)
            return f"HOLE{len(texts) - 1}_"
        case Lines(text):
            texts.append(text)
            return f"LINES{len(texts) - 1}_"
        case Mapping():
            pairs = ((_marked(key, texts), _marked(entry, texts)) for key, entry in value.items())
            return {key: "" if key.startswith("LINES") else entry for key, entry in pairs}
        case str():
            return value
        case Sequence():
            return [_marked(item, texts) for item in value]
        case _:
            return value


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.splitlines())


def guarded(text: str, condition: str) -> str:
    """A document of a template, rendered only where the condition holds; always, where there is none."""
    return f"{{{{- if {condition} }}}}\n---\n{text}{{{{- end }}}}\n" if condition else f"---\n{text}"
