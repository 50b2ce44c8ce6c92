"""Which frame an annotation file is of, told by its name and the folders that it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import or_, select

from iddkit import frames as datasets
from iddkit.errors import OptionError, printable
from iddkit.qc.queue.frames import find_frame
from iddkit.qc.state import Frame
from iddkit.qc.store.tables import frames
from iddkit.qc.store.work import Work


def find_frame_of_file(work: Work, path: Path) -> Frame:
    """Return the frame that an annotation file is of.

    In the tree of a dataset (``gtFine/train/201/...``, ``Annotations/201/...``) the file's place says which. Elsewhere
    its name counts, and the folders above it as far as they are those of a frame: ``201/a.json`` is ``train/201/a``. A
    folder that is another sequence or split of the project contradicts.

    Raises
    ------
    FrameError
        There is no such file.
    OptionError
        The project has no such frame, or several that it might be.
    """
    index = datasets.scan(path)
    if not index.frames:
        raise OptionError("no frame can be told from its name; say which, --frame", path=path)
    read = index.frames[0]
    if index.layout != "flat":
        try:
            return find_frame(work, read.key)
        except OptionError as error:
            raise OptionError(f"{error.problem}; --frame says which it is", path=path) from error
    above = path.absolute().parent.parts[::-1]
    # 'a_image.json' is of 'a', and where there is no 'a' of 'a_image'.
    for name in dict.fromkeys((read.name, path.stem)):
        found = work.find(Frame, select(frames).where(frames.c.name == name).order_by(frames.c.id))
        if found:
            return _choose(work, path, found, above)
    raise OptionError(f"no frame {printable(read.name, 100)!r} in the project; --frame says which it is", path=path)


def find_misnaming(work: Work, frame: Frame, file_name: str) -> str:
    """Return why a file seems to be of another frame than it is handed in for, by its name alone; "" if it does not."""
    parts = Path(file_name).stem.split("_")
    # 'a_gtFine_polygons.json' is of 'a'.
    tried = ["_".join(parts[:count]) for count in range(len(parts), 0, -1)]
    if frame.name in tried:
        return ""
    found = work.find(Frame, select(frames).where(frames.c.name.in_(tried)).order_by(frames.c.id).limit(1))
    if not found:
        return ""
    return (
        f"by its name {printable(file_name, 100)!r} is of {printable(found[0].key)}, and this is {printable(frame.key)}"
    )


def _choose(work: Work, path: Path, found: Sequence[Frame], above: Sequence[str]) -> Frame:
    fits = [_count_alike(_folders(frame), above) for frame in found]
    best = [frame for frame, fit in zip(found, fits, strict=True) if fit == max(fits)]
    if len(best) > 1:
        some = ", ".join(printable(frame.key) for frame in best[:4])
        more = " ..." if best[4:] else ""
        raise OptionError(f"it might be one of {len(best)} frames: {some}{more}; --frame says which", path=path)
    frame, fit = best[0], max(fits)
    if fit < min(len(_folders(frame)), len(above)) and _is_known(work, above[fit]):
        problem = f"its folder {printable(above[fit], 60)!r} is not that of {printable(frame.key)}; --frame says which"
        raise OptionError(problem, path=path)
    return frame


def _folders(frame: Frame) -> list[str]:
    """Return the folders of a key, the innermost first."""
    return frame.key.split("/")[-2::-1]


def _count_alike(folders: Sequence[str], above: Sequence[str]) -> int:
    alike = 0
    for mine, its in zip(folders, above, strict=False):
        if mine != its:
            break
        alike += 1
    return alike


def _is_known(work: Work, folder: str) -> bool:
    inner = frames.c.sequence.endswith(f"/{folder}", autoescape=True)
    its = or_(frames.c.split == folder, frames.c.sequence == folder, inner)
    return bool(work.find(Frame, select(frames).where(its).limit(1)))
