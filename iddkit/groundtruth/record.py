"""What the manifest says of one frame: from which annotation its images were made, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iddkit.groundtruth.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Record:
    """One frame of the manifest.

    Attributes
    ----------
    annotation
        The annotation file, relative to the root of the dataset.
    sha256
        Of the annotation file.
    image_size
        Width and height of the image beside it, or None without one.
    format
        The annotation's format.
    fill
        The fill rule.
    unknown
        How unknown labels were treated, or None where there were none.
    ledger
        The account of its objects.
    made_by
        The versions that decided about its pixels. A frame that is up to date stays as it is under new ones.
    outputs
        Image files, relative to the output folder, to their SHA-256.
    stale
        The same of images that an earlier run made of another state of the frame, and that were not made anew since.
    """

    annotation: str
    sha256: str
    image_size: tuple[int, int] | None
    format: str
    fill: str
    unknown: str | None
    ledger: Ledger
    made_by: str
    outputs: Mapping[str, str]
    stale: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> tuple[Any, ...]:
        """What decides about the frame's pixels, besides the settings that all frames share."""
        return self.sha256, self.image_size, self.fill, self.unknown

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "annotation": self.annotation,
            "sha256": self.sha256,
            "image_size": None if self.image_size is None else list(self.image_size),
            "format": self.format,
            "fill": self.fill,
            "unknown": self.unknown,
            "ledger": self.ledger.to_json(),
            "made_by": self.made_by,
            "outputs": dict(sorted(self.outputs.items())),
        } | ({"stale": dict(sorted(self.stale.items()))} if self.stale else {})

    @staticmethod
    def from_json(value: Any) -> Record | None:
        """Return what `to_json` wrote, or None for anything else: a damaged record is as good as none."""
        try:
            size = value["image_size"]
            width, height = (0, 0) if size is None else (int(size[0]), int(size[1]))
            return Record(
                _text(value["annotation"]),
                _text(value["sha256"]),
                None if size is None else (width, height),
                _text(value["format"]),
                _text(value["fill"]),
                None if value["unknown"] is None else _text(value["unknown"]),
                Ledger.from_json(value["ledger"]),
                _text(value["made_by"]),
                _texts(value["outputs"]),
                _texts(value.get("stale", {})),
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> dict[str, str]:
    return {_text(key): _text(item) for key, item in value.items()}
