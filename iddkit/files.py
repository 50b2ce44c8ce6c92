"""Reading and writing whole files so that nothing is ever half written.

A file is written under a temporary name in its own folder and then renamed over the final name
(`os.replace`, atomic on POSIX and Windows). A run that is killed leaves at most a ``.tmp`` file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from iddkit.errors import AnnotationError, OutputError

#: Annotation files are text; one larger than this is not what it claims to be (the largest real IDD file is
#: below 2 MB, a labelme file with its image inside below 50 MB).
MAX_TEXT_BYTES = 256 * 2**20

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
    # One name for each file: what a killed run left is replaced when the file is written again.
    name = path.name if len(path.name) <= 60 else sha256(os.fsencode(path.name))
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{name}{TEMPORARY_SUFFIX}")
    try:
        try:
            file = open(temporary, "wb")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(temporary, "wb")
        with file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
