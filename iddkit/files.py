"""Reading and writing whole files so that nothing is ever half written.

A file is written under a temporary name in its own folder and then renamed over the final name
(`os.replace`, atomic on POSIX and Windows). A run that is killed leaves at most a ``.tmp`` file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from iddkit.errors import AnnotationError, OutputError

#: Annotation files are text; one larger than this is not what it claims to be (the largest real IDD file is
#: below 2 MB, a labelme file with its image inside below 50 MB).
MAX_TEXT_BYTES = 64 * 2**20

#: Temporary files begin and end so; a scan passes them over.
TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".iddkit-", ".tmp"


def read_bytes(path: Path, limit: int = MAX_TEXT_BYTES) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises
    ------
    AnnotationError
        It is missing, unreadable, a folder or a device, or larger than `limit`.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise AnnotationError("not a regular file", path=path)
            if status.st_size > limit:
                raise AnnotationError(f"{status.st_size} bytes, more than the {limit} that are accepted", path=path)
            return file.read()
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror or error}", path=path) from error
    except ValueError as error:  # a NUL in the name
        raise AnnotationError(f"cannot be read: {error}", path=path) from error


def _open_at_once(path: str, flags: int) -> int:
    # Opening a named pipe would wait for a writer for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, with its folders, or leave nothing behind.

    Raises
    ------
    OutputError
        The folder or the file cannot be written.
    """
    write_all({path: content})


def write_new(path: Path, content: bytes, overwrite: bool) -> None:
    """Write a file unless another content is there already; with `overwrite`, replace it.

    Raises
    ------
    OutputError
        It is there already, or cannot be written.
    """
    try:
        if path.exists():
            if path.is_file() and path.read_bytes() == content:
                return
            if not overwrite:
                raise OutputError("is there already; --overwrite replaces it", path=path)
    except OSError as error:
        raise OutputError(f"cannot be written: {_reason(error)}", path=path) from error
    write_bytes(path, content)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files, with their folders: all of them, or, when one cannot be written, none.

    Raises
    ------
    OutputError
        Names the file.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            written[path] = temporary = _temporary(path)
            try:
                _write(temporary, content)
            except (OSError, ValueError) as error:
                raise OutputError(f"cannot be written: {_reason(error)}", path=path) from error
        for path, temporary in written.items():
            try:
                os.replace(temporary, path)
            except OSError as error:
                raise OutputError(f"cannot be written: {_reason(error)}", path=path) from error
    finally:
        for temporary in written.values():
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    # A name of this process: two that write one file never share a temporary one. Names have 255 bytes at most.
    name = path.name if len(path.name) <= 60 else sha256(os.fsencode(path.name))
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{name}{TEMPORARY_SUFFIX}")


def _write(path: Path, content: bytes) -> None:
    try:
        file = open(path, "wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "wb")
    with file:
        file.write(content)


def _reason(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or error)


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed process left below `folder`. Only for one who knows that no other process writes there."""
    for path in folder.rglob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def data_folder(name: str) -> Path:
    """Return the folder of data that iddkit brings along: ``label_maps``, ``pipelines``."""
    # In a wheel it lies inside the package, in a checkout or an editable install beside it.
    inside = Path(str(resources.files("iddkit"))) / name
    return inside if inside.is_dir() else inside.parent.parent / name


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def present_hash(path: Path) -> str | None:
    """Return the SHA-256 of a file that is to be written, or None if nothing is there.

    Raises
    ------
    OutputError
        What is there is no regular file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OutputError("cannot be written: not a regular file is there", path=path)
        return sha256(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot be written: {_reason(error)}", path=path) from error


def relative_path(path: Path, folder: Path) -> str:
    """Return where `path` lies relative to `folder`, with ``/``; the absolute path where that cannot be said."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # Windows: another drive
        return path.absolute().as_posix()
