"""Listing the files below a folder, each folder once and no file opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from iddkit.frames.index import FOLDER, LINK, UNREADABLE, FrameProblem

#: Links below links that are followed. Folders of a dataset are often links to another disk, but links that
#: lead to links can make a tree of a few folders endless.
MAX_LINKS = 3

Parts = tuple[str, ...]


def is_folder(path: Path) -> bool:
    """Return whether there is a folder at `path`: False too when that cannot be found out."""
    return os.path.isdir(path)  # Path.is_dir raises where a folder above is closed to us


def absolute(path: Path) -> Path:
    """Return the absolute path without ``..``; links stay, as a dataset may be made of them."""
    return Path(os.path.normpath(path.absolute()))


def walk(
    root: Path,
    starts: Iterable[Parts],
    is_named_like_file: Callable[[Parts, str], bool],
    problems: list[FrameProblem],
    *,
    leave_out: Callable[[Parts, set[str]], set[str]] = lambda parts, names: set(),
    recurse: bool = True,
) -> Iterator[tuple[Parts, list[str]]]:
    """Yield each folder below `starts`, as its parts relative to `root`, with the names of its files.

    Hidden files and folders are passed over. Links to folders are followed, loops are not.

    Parameters
    ----------
    root, starts
        The folder to which all parts are relative, and the folders in it to begin with; those that do not exist
        are passed over.
    is_named_like_file
        Whether a name in a folder is that of a file which the caller wants: a folder of such a name is a problem,
        and so is anything else that is no regular file.
    problems
        What could not be listed is added to it.
    leave_out
        Told of a folder and the names of its sub-folders: those that it returns are not entered.
    recurse
        Enter sub-folders.
    """
    # Folder, links on the way to it, and the folders on the way by device and inode.
    stack: list[tuple[Parts, int, frozenset[tuple[int, int]]]] = [(parts, 0, frozenset()) for parts in starts]
    while stack:
        parts, links, above = stack.pop()
        here = root.joinpath(*parts)
        try:
            status = here.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                problems.append(FrameProblem(LINK, Path(*parts), "a link to a folder that holds it, not followed"))
                continue
            with os.scandir(here) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except FileNotFoundError:
            if links or above:
                problems.append(FrameProblem(UNREADABLE, Path(*parts), "vanished while it was read"))
            continue
        except OSError as error:
            problems.append(FrameProblem(UNREADABLE, Path(*parts), f"cannot be listed: {error.strerror or error}"))
            continue
        files, folders = _sort_out(entries, parts, is_named_like_file, problems)
        yield parts, files
        if not recurse:
            continue
        left_out = leave_out(parts, set(folders))
        for name, is_link in folders.items():
            if name in left_out:
                continue
            if links + is_link > MAX_LINKS:
                problem = f"a link below {MAX_LINKS} other links, not followed"
                problems.append(FrameProblem(LINK, Path(*parts, name), problem))
            else:
                stack.append(((*parts, name), links + is_link, above | {identity}))


def _sort_out(
    entries: Iterable[os.DirEntry[str]],
    parts: Parts,
    is_named_like_file: Callable[[Parts, str], bool],
    problems: list[FrameProblem],
) -> tuple[list[str], dict[str, bool]]:
    """Return the names of the files, and those of the folders with whether each is a link."""
    files: list[str] = []
    folders: dict[str, bool] = {}
    for entry in entries:
        name = entry.name
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link to itself, or into a folder that is closed to us
            is_folder = is_file = False
        if is_file:
            files.append(name)
        elif is_folder and not is_named_like_file(parts, name):
            folders[name] = entry.is_symlink()
        elif is_folder:
            problems.append(FrameProblem(FOLDER, Path(*parts, name), "a folder, named like a file"))
        elif is_named_like_file(parts, name):
            problem = "a link that leads to no file" if entry.is_symlink() else "not a regular file"
            problems.append(FrameProblem(UNREADABLE, Path(*parts, name), problem))
    return files, folders
