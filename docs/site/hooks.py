"""What the site needs beyond the pages: the list of decisions, and the files of the repository that pages point at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO = Path(__file__).parents[2]
_DECISIONS = "decisions/*"
_RELATIVE = re.compile(r"\[(?P<text>[^]]*)\]\((?P<path>[^):#\s]+)(?:#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Put each decision into the navigation, the newest first."""
    found = sorted((path.name for path in (REPO / "docs/decisions").glob("*.md")), reverse=True)
    code = next(section["Working on the code"] for section in config.nav if "Working on the code" in section)
    for entry in code:
        if isinstance(entry, dict) and entry.get("Decisions") == _DECISIONS:
            entry["Decisions"] = [f"decisions/{name}" for name in found]
    return config


def on_page_markdown(markdown: str, *, page: Page, config: Any, files: Files) -> str:
    """Take along files beside docs/ that the page points at; a folder is only named."""
    docs = Path(config.docs_dir).resolve()

    def inside(link: re.Match[str]) -> str:
        target = (docs / Path(page.file.src_uri).parent / link["path"]).resolve()
        if target.is_dir():
            return link["text"]
        if target.is_relative_to(docs) or not target.is_relative_to(REPO):
            return link[0]
        uri = f"repository/{target.relative_to(REPO)}{'.txt' if target.suffix == '.md' else ''}"
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        up = "../" * page.file.src_uri.count("/")
        return f"[{link['text']}]({up}{uri})"

    return _RELATIVE.sub(inside, markdown)
