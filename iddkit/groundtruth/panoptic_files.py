"""The panoptic JSON file of each split, gathered from its frames over one or several runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from iddkit import files
from iddkit.errors import OutputError
from iddkit.frames import Frame
from iddkit.groundtruth.plan import Plan, panoptic_folder, panoptic_json, product_path
from iddkit.panoptic import coco_categories


class PanopticFiles:
    """What is known of the segments of a dataset's frames.

    Attributes
    ----------
    entries
        Path of a frame's panoptic PNG, relative to the folder, to its ``image`` and ``annotation`` of the JSON file.
    """

    def __init__(self, out: Path, plan: Plan, recorded: dict[str, str]) -> None:
        self._out = out
        self._plan = plan
        self._recorded = recorded
        self._read: set[PurePosixPath] = set()
        self.entries: dict[str, Mapping[str, Any]] = {}

    def lacks(self, frame: Frame) -> bool:
        """Return whether a panoptic image is wanted and the frame's segments are not at hand."""
        product = self._plan.panoptic
        if product is None:
            return False
        annotation = PurePosixPath((frame.annotation or Path()).as_posix())
        self._read_json(panoptic_folder(self._plan, annotation, frame.split))
        return str(product_path(self._plan, product, annotation, frame.split, frame.sequence)) not in self.entries

    def add(self, entry: Mapping[str, Any] | None) -> None:
        """Take the entry of a frame that was painted."""
        if entry is not None:
            self.entries[entry["path"]] = entry

    def _read_json(self, folder: PurePosixPath) -> None:
        if folder in self._read:
            return
        self._read.add(folder)
        relative = panoptic_json(self._plan, folder)
        try:
            content = (self._out / relative).read_bytes()
            if files.sha256(content) != self._recorded.get(str(relative)):
                return  # somebody else's, or changed: its frames are painted again
            document = json.loads(content)
        except (OSError, ValueError):
            return
        images = {image["id"]: image for image in document["images"]}
        for annotation in document["annotations"]:
            path = str(folder / annotation["file_name"])
            # What the journal of a killed run holds is newer.
            entry = {"path": path, "image": images[annotation["image_id"]], "annotation": annotation}
            self.entries.setdefault(path, entry)

    def write(self, overwrite: bool) -> None:
        """Write the JSON file of each folder, by ascending file name.

        Raises
        ------
        OutputError
            A file that iddkit did not write is in the way, and `overwrite` is not given.
        """
        product = self._plan.panoptic
        if product is None:
            return
        categories = coco_categories(self._plan.label_map, product.level)
        by_folder: dict[PurePosixPath, list[Mapping[str, Any]]] = {}
        for path in sorted(self.entries):
            if path.endswith(product.suffix) and (self._out / path).is_file():
                by_folder.setdefault(PurePosixPath(path).parent, []).append(self.entries[path])
        for folder, entries in by_folder.items():
            document = {
                "images": [entry["image"] for entry in entries],
                "annotations": [entry["annotation"] for entry in entries],
                "categories": categories,
            }
            self._write_json(panoptic_json(self._plan, folder), json.dumps(document).encode() + b"\n", overwrite)

    def _write_json(self, relative: PurePosixPath, content: bytes, overwrite: bool) -> None:
        path = self._out / relative
        if path.exists() and not overwrite:
            try:
                present = files.sha256(path.read_bytes())
            except OSError as error:
                raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error
            if present not in (self._recorded.get(str(relative)), files.sha256(content)):
                raise OutputError("is there already, and not from this run; --overwrite replaces it", path=path)
        files.write_bytes(path, content)
        self._recorded[str(relative)] = files.sha256(content)
