"""What is converted: the files below a folder, the frames in them, and the names that go with each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from iddkit import files, formats
from iddkit.annotation import Problem, Reading
from iddkit.errors import AnnotationError, OutputError, UnknownFormatError
from iddkit.formats import FORMATS, coco
from iddkit.frames import FrameProblem, find_image
from iddkit.frames.walk import Parts, walk

COCO: Final = "coco"

#: The names of the formats that can be written.
TARGETS: Final = (*FORMATS, COCO)

_SUFFIXES = (".json", ".xml")
_POLYGONS = re.compile(r"_gt(Fine|Coarse)_polygons$")
# In an IDD tree the image of a frame is called {frame}_leftImg8bit.png, and a labelme file may be called after it.
_IMAGE_ENDING = "_leftImg8bit"
# File systems hold names of 255 bytes; the format's own suffix and that of a temporary file come on top.
_MAX_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A frame to convert.

    Attributes
    ----------
    path
        The file it was read from.
    stem
        Its path relative to the source folder, with ``/``, without the suffixes that belong to a format.
    image
        The image's file name below that folder, with ``/``: as the file states it, as it was found, or as it should be.
    reading
        What was read.
    """

    path: Path
    stem: str
    image: str
    reading: Reading

    @property
    def objects(self) -> set[int]:
        """Numbers of the objects in the file, readable or not; one object may be several shapes."""
        return {shape.number for shape in self.reading.annotation.shapes} | numbers(self.reading.problems)

    def __str__(self) -> str:
        return f"{self.path} ({self.image})" if self.reading.format == COCO else str(self.path)

    def target_name(self, to: str) -> str:
        """Return the path below the output folder, with ``/``, as the format `to` names its files."""
        stem = self.stem.removesuffix(_IMAGE_ENDING) if to == "cityscapes" else self.stem
        return stem + FORMATS[to][1]

    def find_image(self) -> Path | None:
        """Return the image of the frame, if it is found."""
        beside = self.path
        if self.reading.format == COCO:
            beside = self.path.parent / f"{PurePosixPath(self.stem).name}.json"
        return find_image(beside, self.image)


def numbers(problems: Iterable[Problem]) -> set[int]:
    """Return the numbers of the objects that are named."""
    return {problem.number for problem in problems if problem.number is not None}


def find_sources(source: Path, out: Path) -> tuple[list[Path], list[AnnotationError]]:
    """Return the files to read, sorted, and the folders that could not be listed.

    Of a folder these are all JSON and XML files below it, but for hidden ones and for `out`, a file or a folder.

    Raises
    ------
    AnnotationError
        There is no such file or folder.
    """
    if not os.path.isdir(source):
        if not os.path.lexists(source):
            raise AnnotationError("no such file or folder", path=source)
        return [source], []
    problems: list[FrameProblem] = []

    def leave_out(parts: Parts, names: set[str]) -> set[str]:
        return {name for name in names if _same(source.joinpath(*parts, name), out)}

    found = [
        source.joinpath(*parts, name)
        for parts, names in walk(source, [()], lambda _, name: _is_wanted(name), problems, leave_out=leave_out)
        for name in names
        if _is_wanted(name) and not _same(source.joinpath(*parts, name), out)
    ]
    return sorted(found), [AnnotationError(problem.problem, path=source / problem.path) for problem in problems]


def _is_wanted(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES) and not name.startswith(files.TEMPORARY_PREFIX)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def read_frames(path: Path, root: Path) -> tuple[list[Source], tuple[Problem, ...]]:
    """Read a file of any format: its frames, and problems that are no single frame's.

    Raises
    ------
    UnknownFormatError
        The file is whole but no annotation.
    AnnotationError
        It cannot be read.
    """
    content = files.read_bytes(path, limit=coco.MAX_BYTES)
    try:
        return [_single(path, root, formats.parse(content, path))], ()
    except UnknownFormatError:
        # Only a file that is none of the single-frame formats is decoded again.
        document = None if content.lstrip().startswith(b"<") else formats.decode_json(content, path)
        if not isinstance(document, dict) or not coco.is_instances(document):
            raise
    instances = coco.parse(document, path)
    return [_of_coco(path, name, reading) for name, reading in instances.frames], instances.problems


def _single(path: Path, root: Path, reading: Reading) -> Source:
    stem = _POLYGONS.sub("", path.stem)
    folder = PurePosixPath(path.parent.relative_to(root).as_posix())
    image = re.split(r"[/\\]", reading.annotation.image.strip())[-1]
    if not image:
        found = find_image(path)
        image = found.name if found else f"{stem}{_IMAGE_ENDING if stem != path.stem else ''}.png"
    return Source(path, str(folder / stem), str(folder / image), reading)


def _of_coco(path: Path, name: str, reading: Reading) -> Source:
    whole = PurePosixPath(name.strip().replace("\\", "/"))
    return Source(path, str(whole.with_suffix("") if whole.name else whole), name, reading)


def target_path(out: Path, source: Source, to: str) -> Path:
    """Return the path of the file to write below `out`, whatever name the source gives to its frame.

    Raises
    ------
    OutputError
        It would lead out of the folder, or no file can be called so.
    """
    target = PurePosixPath(source.target_name(to))
    fits = not target.is_absolute() and ".." not in target.parts and ":" not in str(target)
    if not (fits and source.stem not in ("", ".") and all(_is_file_name(part) for part in target.parts)):
        raise OutputError(f"the image {source.image!r} is no file name inside the output folder", path=source.path)
    return out.joinpath(*target.parts)


def _is_file_name(part: str) -> bool:
    try:
        return part.isprintable() and len(os.fsencode(part)) <= _MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False
