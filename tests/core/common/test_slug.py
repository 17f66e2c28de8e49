"""New slugs, as people write them down."""

from __future__ import annotations

import yaml

from dagy.core.common.slug import is_slug, new_slug


def test_a_new_slug_is_a_word_to_yaml_with_or_without_quotes() -> None:
    slugs = {new_slug() for _ in range(2_000)}
    assert len(slugs) == 2_000
    assert all(is_slug(slug) for slug in slugs)
    assert set(yaml.safe_load("\n".join(f"- {slug}" for slug in slugs))) == slugs
    assert all(slug[0].isalpha() for slug in slugs), "other parsers take 123E4567 for a number, too"
