"""The folder of a benchmark report: what is written there anew takes the place of all of an earlier report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from iddkit import files
from iddkit.errors import AnnotationError, OutputError
from iddkit.subset import manifest

PAGE, TEXT = "report.html", "report.md"

#: Folders of images and labels in the root of a dataset.
_OF_DATASETS: Final = ("gtFine", "leftImg8bit")

#: Names of the files that are there in one report and not in another. The slug of a run stands after the hyphen.
_KIND: Final = re.compile(
    r"(examples(-[a-z0-9.-]+)?\.png|pairs\.csv"
    r"|figures/(progress|loss|costs|classes|confusion|layers)(-[a-z0-9.-]+)?\.(png|svg))"
)

#: The links of a page, and of a Markdown file, to the files beside it.
_LINKS: Final = re.compile(rb'(?:href|src)="([^"#:]{1,300})"|\]\(([^()#:\s]{1,300})\)')


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that is no place for a report.

    Raises
    ------
    OutputError
        A dataset is in it: files of a report among its own would be taken for files of the dataset.
    """
    root = Path(folder)
    if any((root / name).is_dir() for name in _OF_DATASETS) or _is_derived(root / manifest.NAME):
        raise OutputError("is the folder of a dataset; a report needs another one", path=root)


def _is_derived(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        return manifest.FORMAT.encode() in files.read_bytes(path)
    except AnnotationError:  # too large, or not to be read
        return True


def write_contents(folder: str | Path, contents: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the files of a report, then remove what an earlier report in the same folder has beyond them.

    A file is removed only if its name is one that reports give to files which not each of them has, and if the page or
    the Markdown file that are replaced led to it: figures and pictures that someone else put there stay.

    Parameters
    ----------
    folder
        Where they go; it is made if it is not there.
    contents
        Path relative to the folder, with ``/``, to content.
    overwrite
        Whether files that are there may be replaced by others.

    Raises
    ------
    OutputError
        The folder is that of a dataset, or a file is there already or cannot be written: then none is. Or what is left
        of an earlier report cannot be removed.
    """
    check_folder(folder)
    root = Path(folder)
    if not overwrite:
        for name, content in contents.items():
            path = root / name
            if path.exists() and not (path.is_file() and path.read_bytes() == content):
                raise OutputError("is there already; --overwrite replaces it", path=path)
    left = [root / name for name in _files_of_earlier(root) if name not in contents]
    # The page comes last: as long as the old one is there, it says what is to be removed.
    ordered = sorted(contents, key=lambda name: name in (PAGE, TEXT))
    files.write_all({root / name: contents[name] for name in ordered})
    for path in left:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"is of an earlier report and cannot be removed: {error.strerror}", path=path) from error


def _files_of_earlier(root: Path) -> Iterator[str]:
    """Yield the names of the files that the report in a folder leads to and others may be without."""
    found: dict[str, None] = {}
    for page in (PAGE, TEXT):
        if (root / page).is_file():
            for match in _LINKS.finditer((root / page).read_bytes()):
                found[(match[1] or match[2]).decode("utf-8", "replace")] = None
    for name in [*found]:
        if name.startswith("figures/") and name.endswith(".png"):  # Markdown names only these
            found[name.removesuffix(".png") + ".svg"] = None
    yield from (name for name in found if _KIND.fullmatch(name))
