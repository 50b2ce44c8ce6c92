"""Export: the annotations of accepted frames as a dataset tree, byte for byte as they were handed in, and its index.

The index is an ordinary one: `rasterize`, `stats` and `make-lite` take it. The images stay where they are: the paths of
the index begin at the folder that holds both, the export and the images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from sqlalchemy import Connection, select

from iddkit import files, formats
from iddkit.errors import FrameError, OptionError, OutputError, UserError, printable
from iddkit.frames import Frame as IndexFrame
from iddkit.frames import Index, encode_csv, read_csv
from iddkit.frames.index import sort_frames
from iddkit.qc.stages import Stage
from iddkit.qc.state import Frame
from iddkit.qc.store import contents
from iddkit.qc.store.tables import batches, frames, revisions

#: The index of an export.
INDEX: Final = "frames.csv"

#: Where an annotation lies whose index named no place for it, by format.
_PLACES: Final = {
    "cityscapes": "gtFine/{folder}{name}_gtFine_polygons.json",
    "labelme-json": "Annotations/{folder}{name}{suffix}",
    "labelme-xml": "Annotations/{folder}{name}{suffix}",
}

# What no part of a path may be: nothing, what means a folder, a drive or a stream, or what some system cannot write.
_UNSAFE: Final = re.compile(r"\.{1,2}|.*[\x00-\x1f\\:].*|", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    index
        The index that was written, its paths relative to its root.
    path
        Of the index.
    written, there
        Annotation files that were written, and those that were there already.
    removed
        Files of an earlier export that are no longer part of it.
    problems
        Frames that are left out, and why, one line each.
    """

    index: Index
    path: Path
    written: int
    there: int
    removed: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """A frame, its file's hash, and where that is to lie in the export."""

    frame: Frame
    sha256: str
    place: PurePosixPath


def export(
    connection: Connection,
    folder: Path,
    out: Path,
    *,
    named: Sequence[str] = (),
    stages: Sequence[Stage] = (Stage.ACCEPTED,),
    overwrite: bool = False,
) -> Exported:
    """Write the annotations that count of accepted frames, and an index of them.

    Parameters
    ----------
    connection
        Of the project.
    folder
        Of the annotation files that were handed in (`Store.files`).
    out
        Folder to write to.
    named
        Names of batches; all, if there are none.
    stages
        Frames of other stages are exported only where they are named here.
    overwrite
        Replace what differs, and remove what an earlier export wrote and this one does not.

    Returns
    -------
    Exported
        Frames whose file is missing or damaged, or whose names lead out of the folder, are among its problems.

    Raises
    ------
    OptionError
        There is no such batch, or no frame to export.
    OutputError
        A file of an earlier export differs; nothing was written. Or one cannot be written.
    """
    found = _find(connection, named, stages)
    if not found:
        where = f" in {', '.join(printable(name, 60) for name in named)}" if named else ""
        raise OptionError(f"no frame{where} is {' or '.join(stages)}: there is nothing to export")
    _refuse_dataset(out, {frame.root for frame, _, _ in found})
    items: list[_Item] = []
    problems: list[str] = []
    taken: dict[str, str] = {}
    for frame, sha256, file_name in found:
        try:
            item = _Item(frame, sha256, _place(folder, frame, sha256, file_name))
            _require_inside(out, item.place)
            same = taken.setdefault(str(item.place).casefold(), frame.key)
            if same != frame.key:
                raise FrameError(f"would be the same file as that of {printable(same)}: {item.place}")
        except UserError as error:
            problems.append(str(error.located(frame.key)))
            continue
        items.append(item)
    index = _index(out, [(item.frame, item.place) for item in items])
    content = encode_csv(index, out)
    old = _earlier(out)
    present = {item.place: files.present_hash(out / item.place) for item in items}
    gone = _known(connection, out, sorted(old - {item.place for item in items}))
    if not overwrite:
        _refuse_changes(out, content, [(item.place, present[item.place], item.sha256) for item in items])
    changed = [item for item in items if present[item.place] != item.sha256]
    for item in changed:
        files.write_bytes(out / item.place, contents.fetch(folder, item.sha256))
    files.write_bytes(out / INDEX, content)
    for place in gone:  # only now: a run that is killed leaves too much rather than too little
        (out / place).unlink(missing_ok=True)
    return Exported(index, out / INDEX, len(changed), len(items) - len(changed), len(gone), tuple(problems))


def _find(connection: Connection, named: Sequence[str], stages: Sequence[Stage]) -> list[tuple[Frame, str, str]]:
    query = (
        select(frames, revisions.c.sha256, revisions.c.file_name)
        .join(revisions, (revisions.c.frame == frames.c.id) & (revisions.c.number == frames.c.revision))
        .where(frames.c.stage.in_([str(stage) for stage in stages]))
        .order_by(frames.c.id)
    )
    if named:
        known = dict(connection.execute(select(batches.c.name, batches.c.id)).all())
        for name in named:
            if name not in known:
                raise OptionError(f"no batch {printable(name, 60)!r}")
        query = query.where(frames.c.batch.in_([known[name] for name in named]))
    return [(Frame(*row[:-2]), row[-2], row[-1]) for row in map(tuple, connection.execute(query))]


def _place(folder: Path, frame: Frame, sha256: str, file_name: str) -> PurePosixPath:
    """Return where a frame's annotation lies in the export.

    As its index said, if the file that was handed in is of that kind; else as its format has it.
    """
    parts = [*([frame.split] if frame.split else []), *(frame.sequence.split("/") if frame.sequence else [])]
    if any(_UNSAFE.fullmatch(part) or "/" in part for part in (*parts, frame.name)):
        raise FrameError("its name cannot be that of a file in the export")
    suffix = PurePosixPath(file_name).suffix.lower()
    own = PurePosixPath(frame.annotation)
    content = contents.fetch(folder, sha256)
    if frame.annotation and own.suffix.lower() == suffix in (".json", ".xml") and _is_safe(own):
        return own
    kind = formats.parse(content, Path(file_name)).format
    suffix = suffix if suffix in (".json", ".xml") else PurePosixPath(formats.FORMATS[kind][1]).suffix
    inside = "".join(f"{part}/" for part in parts)
    return PurePosixPath(_PLACES[kind].format(folder=inside, name=frame.name, suffix=suffix))


def _is_safe(place: PurePosixPath) -> bool:
    return not place.is_absolute() and not any(_UNSAFE.fullmatch(part) for part in place.parts)


def _require_inside(out: Path, place: PurePosixPath) -> None:
    # A folder of the export may be a link to somewhere else.
    try:
        real, root = (out / place).parent.resolve(), out.resolve()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot be written: {error}", path=out / place) from error
    if root != real and root not in real.parents:
        raise OutputError("a link leads out of the export", path=out / place)


def _index(out: Path, items: Sequence[tuple[Frame, PurePosixPath]]) -> Index:
    """Return the index of the export; its root is the folder that holds both the export and the images."""
    home = Path(os.path.normpath(out.absolute()))
    images = {frame.id: Path(os.path.normpath(Path(frame.root) / frame.image)) for frame, _ in items if frame.image}
    root = _common([home, *images.values()])
    listed = []
    for frame, place in items:
        image = images.get(frame.id)
        listed.append(
            IndexFrame(
                frame.split,
                frame.sequence,
                frame.name,
                image=None if image is None else Path(files.relative_path(image, root)),
                annotation=Path(files.relative_path(home / place, root)),
            )
        )
    return Index(root, "table", sort_frames(listed))


def _common(paths: Sequence[Path]) -> Path:
    home = paths[0]
    try:
        inside = all(home in path.parents for path in paths[1:])
        return home if inside else Path(os.path.commonpath(paths))
    except ValueError:  # another drive: that image's path will be absolute
        return home


def _earlier(out: Path) -> set[PurePosixPath]:
    """Return the annotation files that the index of an earlier export names inside the folder."""
    if not (out / INDEX).is_file():
        return set()
    try:
        index = read_csv(out / INDEX)
    except FrameError as error:
        problem = f"is there already and is no index of an export: {error.problem}"
        raise OutputError(problem, path=out / INDEX) from error
    home = Path(os.path.normpath(out.absolute()))
    found = set()
    for frame in index:
        if frame.annotation is not None:
            path = Path(os.path.normpath(index.root.absolute() / frame.annotation))
            if home in path.parents and path.suffix.lower() in (".json", ".xml"):
                found.add(PurePosixPath(path.relative_to(home).as_posix()))
    return found


def _known(connection: Connection, out: Path, places: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Return those files that were handed in as they are: when they are removed, nothing is lost."""
    digests = {place: files.present_hash(out / place) for place in places}
    query = select(revisions.c.frame).limit(1)
    return [
        place
        for place, digest in digests.items()
        if digest is not None and connection.execute(query.where(revisions.c.sha256 == digest)).first() is not None
    ]


def _refuse_dataset(out: Path, roots: set[str]) -> None:
    home = out.resolve()
    for root in sorted(roots):
        real = Path(root).resolve()
        if home == real or home in real.parents:
            raise OutputError("holds the dataset itself; an export needs a folder of its own", path=out)


def _refuse_changes(out: Path, content: bytes, items: Sequence[tuple[PurePosixPath, str | None, str]]) -> None:
    for place, present, wanted in items:
        if present not in (None, wanted):
            raise OutputError("is there already and differs; --overwrite replaces it", path=out / place)
    if files.present_hash(out / INDEX) not in (None, files.sha256(content)):
        raise OutputError("is the index of another export; --overwrite replaces it", path=out / INDEX)
