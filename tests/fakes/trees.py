"""An installed tree as small as can be."""

from __future__ import annotations

from pathlib import Path

RECORD = "pkg-1.0.dist-info/RECORD"


def small_tree(root: Path) -> Path:
    """Fill `root` with one package; returned for the caller's convenience."""
    files = {
        "pkg/__init__.py": b"VALUE = 42\n" * 50,
        "pkg/data.bin": bytes(range(256)),
        "pkg/ümlaut.txt": b"x" * 2000,
        "pkg/empty.py": b"",
        "bin/tool": b"#!/somewhere/python3.12\nprint(1)\n",
        "pkg-1.0.dist-info/METADATA": b"Name: pkg\n",
        "pkg-1.0.dist-info/INSTALLER": b"uv",
        RECORD: b"pkg/__init__.py,,\nbin/tool,sha256=old,1\npkg-1.0.dist-info/INSTALLER,,\n",
    }
    for path, data in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (root / "bin/tool").chmod(0o755)
    return root
