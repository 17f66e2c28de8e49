"""Write the generated files: `python -m dagy.model DIRECTORY` puts the CRDs there (`make generate`)."""

import sys
from pathlib import Path
from typing import Any

import yaml

from dagy.model.crd import crd_files

HEADER = "# Generated from operator/dagy/model by `make generate`. Change the models, not this file.\n"


def render(crd: dict[str, Any]) -> str:
    """One CRD as the text of its file."""
    return HEADER + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)


def main(directory: Path) -> None:
    """Write each CRD into `directory`."""
    for name, crd in crd_files().items():
        (directory / name).write_text(render(crd))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
