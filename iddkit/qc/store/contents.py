"""Annotation files by their hash: what was handed in once can be had again, byte for byte, for ever."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from iddkit.errors import StoreError
from iddkit.files import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, sha256


def keep(folder: Path, content: bytes, *, durable: bool = True) -> str:
    """Write a file under its hash, down to the disk, and return the hash; what is there already is left.

    It is called before the event that names the file is written: a file without an event does no harm, an event without
    its file would. Without `durable` it is not waited for the disk: for what can be made again.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    digest = sha256(content)
    path = path_of(folder, digest)
    try:
        if path.is_file() and path.stat().st_size == len(content) and sha256(path.read_bytes()) == digest:
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(TEMPORARY_SUFFIX, TEMPORARY_PREFIX, path.parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror or error}", path=path) from error
    return digest


def fetch(folder: Path, digest: str) -> bytes:
    """Return what was kept under a hash.

    Raises
    ------
    StoreError
        It is missing, cannot be read, or is not what was kept.
    """
    path = path_of(folder, digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot be read: {error.strerror or error}", path=path) from error
    if sha256(content) != digest:
        raise StoreError("is not what was handed in: its hash is another one", path=path)
    return content


def path_of(folder: Path, digest: str) -> Path:
    """Return where the file with a hash lies."""
    return folder / digest[:2] / digest[2:]


def _sync_folder(folder: Path) -> None:
    # The name of a new file is lasting only when its folder is; Windows has no such call and needs none.
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
