"""Sealed samples: the frames of a frozen list that are looked at. Nobody can choose them, anyone can draw them again.

All chance comes from SHA-256 of the seed and a name: no generator whose numbers change with a version, and a sample can
be drawn again with any tool that has the hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: The seed of a sample that no lot has drawn: it holds what a log of the past says was looked at.
IMPORTED: Final = "imported"


@dataclass(frozen=True, slots=True)
class Listed:
    """A frame of a frozen list.

    Attributes
    ----------
    key
        What the frame is called.
    sha256
        Of its annotation when the list was frozen.
    annotator
        Who handed that in.
    sequence
        Its drive sequence.
    """

    key: str
    sha256: str
    annotator: str
    sequence: str

    def to_json(self) -> list[str]:
        """Return the four as a list."""
        return [self.key, self.sha256, self.annotator, self.sequence]


def hash_list(listed: Sequence[Listed]) -> str:
    """Return the SHA-256 of a frozen list, in its order."""
    return _hash_json([frame.to_json() for frame in listed])


def seal(list_hash: str, seed: str, plan: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the SHA-256 that binds list, seed, plan and sample together."""
    return _hash_json([list_hash, seed, dict(plan), list(keys)])


def draw(listed: Sequence[Listed], count: int, seed: str) -> list[int]:
    """Draw a sample that holds each annotator's and each sequence's part of the list.

    The list is put into a random order in which the frames of an annotator, and of a sequence among these, lie side by
    side; then every N/n-th is taken from a random beginning (systematic sampling, Cochran 1977, chapter 8). So each
    frame is drawn with the probability n/N, an annotator's part is met to within one image, and bad images that lie
    together, in one drive or with one annotator, cannot all be missed. Where bad images are spread by chance, the bad
    ones in the sample have exactly the hypergeometric distribution of a simple random sample.

    Parameters
    ----------
    listed
        The N frames.
    count
        How many to draw, n.
    seed
        Any text.

    Returns
    -------
    list of int
        Places in the list in random order: that in which they are to be looked at.

    Raises
    ------
    ValueError
        More are asked for than there are.

    Examples
    --------
    >>> frames = [Listed(f"train/0/{i}", "", "an" if i < 6 else "bo", "0") for i in range(10)]
    >>> sorted(frames[i].annotator for i in draw(frames, 5, "1"))
    ['an', 'an', 'an', 'bo', 'bo']
    """
    size = len(listed)
    if not 0 <= count <= size:
        raise ValueError(f"{count} of {size}")
    if not count:
        return []

    def chance(*parts: str) -> bytes:
        return hashlib.sha256(json.dumps([seed, *parts]).encode()).digest()

    of_annotator = {name: chance("annotator", name) for name in {frame.annotator for frame in listed}}
    pairs = {(frame.annotator, frame.sequence) for frame in listed}
    of_sequence = {pair: chance("sequence", *pair) for pair in pairs}
    order = sorted(
        range(size),
        key=lambda i: (
            of_annotator[listed[i].annotator],
            of_sequence[listed[i].annotator, listed[i].sequence],
            chance("frame", listed[i].key),
        ),
    )
    start = int.from_bytes(chance("start"), "big") % size
    taken = [i for place, i in enumerate(order) if (place * count + start) % size < count]
    return sorted(taken, key=lambda i: chance("turn", listed[i].key))


def _hash_json(value: object) -> str:
    return hashlib.sha256(
        json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    ).hexdigest()
