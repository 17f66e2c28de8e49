"""The cut of a file into the parts of its upload: their number, and the length of each. Pure.

Each part's URL holds for its length alone, so that an upload takes no more than was announced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagy_builder.sizes import human_size


@dataclass(frozen=True)
class Cut:
    """A file of `size_bytes` in parts of `part_size` bytes; the last one is the rest."""

    size_bytes: int
    part_size: int

    @property
    def count(self) -> int:
        """The number of parts, which is the last one's number."""
        return -(-self.size_bytes // self.part_size)

    def length(self, number: int) -> int:
        """Bytes of that part, from 1 to `count`."""
        return min(self.part_size, self.size_bytes - (number - 1) * self.part_size)

    def misfit(self, numbers: set[int], there: Mapping[int, int]) -> str | None:
        """Return the first misfit of parts to this file, a clause: of those asked for, and those (with sizes) in S3."""
        beyond = sorted(number for number in numbers if number > self.count)
        if beyond:
            return f"there is no part {beyond[0]}: {human_size(self.size_bytes)} have {self.count}"
        for number, size in sorted(there.items()):
            # Shorter ones were cut on the way, in stores that keep the bytes that arrived: they are sent again.
            if number > self.count or size > self.length(number):
                return f"S3 has a part {number} of {size} bytes, which is none of them"
        return None
