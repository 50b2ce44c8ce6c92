"""Converting annotation files: read, fit to the other format, write; what cannot be done is listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from iddkit import files, formats
from iddkit.annotation import Annotation, Problem
from iddkit.conversion.report import ConversionReport, Listed
from iddkit.conversion.shapes import carried, fit
from iddkit.conversion.sources import COCO, TARGETS, Source, find_sources, numbers, read_frames, target_path
from iddkit.errors import AnnotationError, ImageError, OptionError, OutputError, UnknownFormatError, UserError
from iddkit.formats import FORMATS, coco
from iddkit.images import read_size
from iddkit.labels import LabelMap

#: Formats that state the image's size in every file.
_NEEDS_SIZE = ("cityscapes", COCO)


def convert(
    source: str | Path,
    out: str | Path,
    to: str,
    *,
    label_map: LabelMap | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ConversionReport:
    """Convert an annotation file, or all below a folder, into the format `to`.

    Formats are found by content. Below `out` the tree of the source is mirrored, the files are named as `to` names
    them; of a COCO file each frame becomes a file, named after its image. Converting to COCO makes one file,
    ``instances.json`` in `out`, or `out` itself if it ends in ``.json``. One file of one frame can be converted
    to a file: `out` then ends in ``.json`` or ``.xml``.

    Polygons keep their points, labels, groups, deleted marks and order in every direction; COCO alone has no
    deleted objects and no order. An image's size that a file does not state is taken from the image, if it is found.

    Parameters
    ----------
    source
        A file, or a folder with JSON and XML files at any depth.
    out
        The folder, or file, to write. If it lies in `source` it is not read.
    to
        One of `TARGETS`.
    label_map
        For COCO: its labels are the categories (`iddkit.formats.coco.dump_instances`).
    overwrite
        Replace files that exist with another content. No file that is a source is ever replaced.
    progress
        Called with the files done and the files in all.

    Raises
    ------
    AnnotationError
        There is no such source, or a folder without any JSON and XML file.
    OptionError
        There is no such format, a label map is given for another than COCO, or `out` ends as no file of it does.
    OutputError
        `out` is a file where a folder is needed.
    """
    source, out = Path(source), Path(out)
    if to not in TARGETS:
        raise OptionError(f"no annotation format {to!r}; known: {', '.join(TARGETS)}")
    if label_map is not None and to != COCO:
        raise OptionError(f"a label map is for the categories of COCO, not for {to}")
    target = _single_target(source, out, to)
    found, unlisted = find_sources(source, target or out)
    if not found and not unlisted:
        raise AnnotationError("no JSON or XML file below this folder", path=source)
    run = _Run(source, target or out, to, overwrite, target is not None, {os.path.realpath(path) for path in found})
    run.failed += unlisted
    frames = run.read(found, progress)
    if to == COCO:
        run.write_together(frames, label_map)
    else:
        for frame in frames:
            run.write_alone(frame)
    return run.report()


def _single_target(source: Path, out: Path, to: str) -> Path | None:
    """Return the one file to write, or None if `out` is a folder to fill."""
    is_folder = os.path.isdir(out) or out.suffix.lower() not in (".json", ".xml")
    if to == COCO:
        return out / "instances.json" if is_folder else out
    if is_folder or os.path.isdir(source):
        if os.path.lexists(out) and not os.path.isdir(out):
            raise OutputError("not a folder", path=out)
        return None
    if not FORMATS[to][1].endswith(out.suffix.lower()):
        raise OptionError(f"a file {out.suffix} is no {to} file")
    return out


@dataclass
class _Run:
    """One conversion while it goes on. `out` is the one file to write if `is_single`, else a folder."""

    source: Path
    out: Path
    to: str
    overwrite: bool
    is_single: bool
    sources: set[str]
    taken: dict[str, str] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)
    failed: list[UserError] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)
    files: int = 0
    objects: int = 0
    converted: int = 0

    def report(self) -> ConversionReport:
        lists = tuple(self.written), tuple(self.failed), tuple(self.passed_over), tuple(self.listed)
        return ConversionReport(*lists, self.files, self.objects, self.converted)

    def read(self, found: list[Path], progress: Callable[[int, int], None] | None) -> Iterator[Source]:
        root = self.source if os.path.isdir(self.source) else self.source.parent
        for done, path in enumerate(found):
            if progress:
                progress(done, len(found))
            try:
                frames, problems = read_frames(path, root)
                if self.is_single and self.to != COCO and len(frames) != 1:
                    raise AnnotationError(f"{len(frames)} frames, which need a folder to be written to", path=path)
            except UserError as error:
                if isinstance(error, UnknownFormatError) and os.path.isdir(self.source):
                    self.passed_over.append(path)
                else:
                    self.failed.append(error)
                continue
            self.files += 1
            self.count(path, numbers(problems), problems)
            yield from frames
        if progress:
            progress(len(found), len(found))

    def count(self, path: Path, objects: set[int], problems: Iterable[Problem]) -> None:
        problems = tuple(problems)
        self.objects += len(objects)
        self.converted += len(objects - numbers(problems))
        self.listed += (Listed(path, problem) for problem in problems)

    def write_alone(self, frame: Source) -> None:
        try:
            path = self.out if self.is_single else target_path(self.out, frame, self.to)
            if self.is_already(path, frame):
                return
            self.claim(str(path), frame, path)
            annotation, changes = self.prepare(frame, path)
            self.write(path, _dump(annotation, self.to, frame.path))
        except UserError as error:
            self.failed.append(error)
            return
        self.written.append(path)
        self.count(frame.path, frame.objects, frame.reading.problems + changes)

    def write_together(self, frames: Iterator[Source], label_map: LabelMap | None) -> None:
        # By image: the file, its objects, what is listed. Not the frames: their points would fill the memory.
        done: dict[str, tuple[Path, set[int], list[Problem]]] = {}

        def annotations() -> Iterator[tuple[str, Annotation]]:
            for frame in frames:
                try:
                    self.claim(frame.image, frame, self.out)
                    annotation, _ = self.prepare(frame, self.out)
                except UserError as error:
                    self.failed.append(error)
                    continue
                done[frame.image] = frame.path, frame.objects, list(frame.reading.problems)
                yield frame.image, annotation

        try:
            written = coco.dump_instances(annotations(), label_map)
            if done:
                self.write(self.out, written.content)
        except UserError as error:
            self.failed.append(error)
            return
        except RecursionError:
            self.failed.append(AnnotationError("cannot be written as coco: nested too deeply", path=self.source))
            return
        self.written += [self.out] if done else []
        for image, problem in written.dropped:
            done[image][2].append(problem)
        for path, objects, problems in done.values():
            self.count(path, objects, problems)

    def is_already(self, path: Path, frame: Source) -> bool:
        """Note a frame of a folder that is filled with its own conversion, and is in the format already."""
        if frame.reading.format != self.to or self.is_single or os.path.realpath(path) != os.path.realpath(frame.path):
            return False
        self.written.append(frame.path)
        self.count(frame.path, frame.objects, frame.reading.problems)
        return True

    def claim(self, name: str, frame: Source, path: Path) -> None:
        """Note that `frame` is written under `name`; an error that names both if another one already is."""
        if name in self.taken:
            both = f"{self.taken[name]} and {frame}"
            raise OutputError(f"{both} would both be written as this; the second was not", path=path)
        self.taken[name] = str(frame)

    def write(self, path: Path, content: bytes) -> None:
        if os.path.lexists(path):
            if _holds(path, content):  # the same command, started again
                return
            if os.path.realpath(path) in self.sources:
                raise OutputError("is itself a file to convert; name another folder", path=path)
            if not self.overwrite:
                raise OutputError("exists already, and is not overwritten", path=path)
        files.write_bytes(path, content)

    def prepare(self, frame: Source, path: Path) -> tuple[Annotation, tuple[Problem, ...]]:
        """Return the annotation as it is to be written to `path`, and what changes by that."""
        annotation, came_from = frame.reading.annotation, frame.reading.format
        found = frame.find_image() if self.to == "labelme-json" or not all(annotation.size) else None
        if not all(annotation.size):
            annotation = annotation.with_size(*self.size_of(frame, found))
        image = annotation.image
        if self.to == "labelme-json" and found is not None:
            # labelme looks for the image from where the annotation lies.
            image = Path(os.path.relpath(found.absolute(), os.path.realpath(path.parent))).as_posix()
        elif came_from != self.to:
            image = PurePosixPath(frame.image.replace("\\", "/")).name
        shapes, changes = fit(annotation.shapes, came_from, self.to)
        extra = annotation.extra if came_from == self.to else carried(annotation.extra, self.to)
        return Annotation(annotation.width, annotation.height, shapes, image, extra), changes

    def size_of(self, frame: Source, image: Path | None) -> tuple[int, int]:
        try:
            if image is not None:
                return read_size(image)
            name = PurePosixPath(frame.image).name
            raise ImageError(f"it does not state its size, and its image {name} was not found", path=frame.path)
        except ImageError:
            if self.to in _NEEDS_SIZE:
                raise
            return 0, 0


def _holds(path: Path, content: bytes) -> bool:
    try:
        return files.read_bytes(path, limit=len(content)) == content
    except AnnotationError:
        return False


def _dump(annotation: Annotation, to: str, path: Path) -> bytes:
    try:
        return formats.dumper(to)(annotation)
    except AnnotationError as error:
        raise AnnotationError(f"cannot be written as {to}: {error.problem}", path=path, where=error.where) from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"cannot be written as {to}: {error}", path=path) from error
