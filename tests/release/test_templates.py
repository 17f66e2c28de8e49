"""Objects with holes become templates."""

from __future__ import annotations

import yaml

from tests.release.templates import Hole, Lines, guarded, render


def test_a_hole_is_an_expression_in_a_values_place() -> None:
    assert (
        render({"spec": {"replicas": Hole("{{ .Values.replicas }}")}}) == "spec:\n  replicas: {{ .Values.replicas }}\n"
    )


def test_lines_stand_where_an_entry_or_an_item_would_and_as_deep() -> None:
    document = {
        "spec": {"a": 1, Lines("{{- if .Values.b }}\nb: 2\n{{- end }}"): ""},
        "list": ["x", Lines("{{- if .Values.b }}\n- y\n{{- end }}")],
    }
    assert render(document) == (
        "spec:\n  a: 1\n  {{- if .Values.b }}\n  b: 2\n  {{- end }}\nlist:\n- x\n{{- if .Values.b }}\n- y\n{{- end }}\n"
    )


def test_what_has_no_hole_is_the_object_itself() -> None:
    document = {"text": "on: off\n", "number": "1e3", "long": "word " * 60, "none": None, "list": [1, True, {"a": []}]}
    assert yaml.safe_load(render(document)) == document


def test_the_bases_own_text_is_never_taken_for_an_expression() -> None:
    rendered = render({"description": "such as {{ this }}", "b": Hole("{{ .Values.b }}")})
    assert rendered == 'description: such as {{ "{{" }} this }}\nb: {{ .Values.b }}\n'


def test_a_guarded_document_begins_inside_its_condition() -> None:
    assert guarded("a: 1\n", "not .Values.b") == "{{- if not .Values.b }}\n---\na: 1\n{{- end }}\n"
    assert guarded("a: 1\n", "") == "---\na: 1\n"
