"""Names in the bucket: one for each build, and a ZIP for each attempt."""

from __future__ import annotations

import re
from dataclasses import replace

from dagy_builder import keys
from dagy_builder.contract import BuildRequest


def test_keys() -> None:
    build = BuildRequest("3.12", lock_hash="0123456789abcdef" * 4)
    names = keys.BuildKeys.of("ns/SLUG/", build)
    assert names.record == "ns/SLUG/0123456789abcdef-cp312-manylinux_2_28_x86_64-fast.build.json"
    compiled = keys.BuildKeys.of("ns/SLUG/", replace(build, bytecode="Include"))
    assert compiled.record == "ns/SLUG/0123456789abcdef-cp312-manylinux_2_28_x86_64-fast-bytecode.build.json"
    key = names.artifact("", 1)
    assert re.fullmatch(r"ns/SLUG/0123456789abcdef-cp312-manylinux_2_28_x86_64-[0-9a-f]{16}\.zip", key)
    assert keys.sidecar_key(key, "pylock.toml") == key.replace(".zip", ".pylock.toml")
    assert keys.key_of(keys.uri("b", key)) == key


def test_each_attempt_of_each_build_has_a_zip_of_its_own() -> None:
    builds = [
        (lock * 64, python, compression, bytecode, token, attempt)
        for lock in "ab"
        for python in ("3.10", "3.12")
        for compression in ("fast", "small")
        for bytecode in ("Include", "Exclude")
        for token in ("", "t")
        for attempt in (1, 2)
    ]
    named = [
        keys.BuildKeys.of(
            "p/", BuildRequest(python, lock_hash=lock, compression=compression, bytecode=bytecode)
        ).artifact(token, attempt)
        for lock, python, compression, bytecode, token, attempt in builds
    ]
    assert len(set(named)) == len(builds)
    assert not [
        (one, other) for one in named for other in named if one != other and other.startswith(keys.artifact_prefix(one))
    ]
