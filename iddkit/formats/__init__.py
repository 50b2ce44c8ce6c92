"""Annotation formats: read what a file holds, found by its content and not by its name.

Each module of this package reads and writes one format. The single-frame formats share a contract:

``parse(document, path) -> Reading``
    `document` is the decoded JSON object or the XML root element; `path` is for messages and for files
    that lie beside it. One bad object becomes a `Problem` that names it; the others are read.
``dump(annotation) -> bytes``
    The file's content.

COCO holds many frames in one file and has its own functions in `iddkit.formats.coco`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec

from iddkit import files
from iddkit.annotation import Annotation, Reading
from iddkit.errors import AnnotationError, OptionError, UnknownFormatError

#: Single-frame formats: name to module, suffix of its files, and the keys that give a JSON object away.
FORMATS: dict[str, tuple[str, str, frozenset[str]]] = {
    "cityscapes": ("iddkit.formats.cityscapes", "_gtFine_polygons.json", frozenset({"objects"})),
    "labelme-json": ("iddkit.formats.labelme_json", ".json", frozenset({"shapes"})),
    "labelme-xml": ("iddkit.formats.labelme_xml", ".xml", frozenset()),
}

#: Lists and objects of JSON, elements of XML, and what commas separate, in a file of one frame: real ones have some ten
#: thousand. Each costs a hundred bytes and more once it is read, whatever it holds.
MAX_NODES, MAX_VALUES = 1_000_000, 4_000_000

#: Deeper nesting is an attack or damage: no annotation format needs ten levels.
MAX_DEPTH = 200


def read(path: str | Path) -> Reading:
    """Read an annotation file of any single-frame format.

    Returns
    -------
    Reading
        The annotation, what could not be read of it by object, and the format's name.

    Raises
    ------
    AnnotationError
        Nothing of the file can be read: missing, truncated, wrong encoding, no known format (then it is an
        `UnknownFormatError`).

    Examples
    --------
    >>> reading = read("tests/data/scene_gtFine_polygons.json")
    >>> reading.format, reading.annotation.size, reading.problems
    ('cityscapes', (64, 48), ())
    """
    path = Path(path)
    return parse(files.read_bytes(path), path)


def parse(content: bytes, path: Path) -> Reading:
    """Read an annotation from the bytes of the file at `path`; see `read`."""
    first = _first_character(content, path)
    _refuse_flood(content, path)
    if first == "<":
        return _module("labelme-xml").parse(decode_xml(content, path), path)  # type: ignore[no-any-return]
    plain = _module("cityscapes").parse_plain(content)
    if plain is not None:
        return plain  # type: ignore[no-any-return]
    document = decode_json(content, path)
    if isinstance(document, dict):
        for name, (_, _, keys) in FORMATS.items():
            if keys and keys <= document.keys():
                return _module(name).parse(document, path)  # type: ignore[no-any-return]
        if {"images", "annotations"} <= document.keys():
            raise UnknownFormatError("a COCO file holds many frames; 'iddkit convert' takes it apart", path=path)
    raise UnknownFormatError("no annotation format that iddkit knows: no objects, no shapes", path=path)


def dumper(name: str) -> Callable[[Annotation], bytes]:
    """Return the function that writes an annotation as the format called `name`.

    Raises
    ------
    OptionError
        There is no such format.
    """
    if name not in FORMATS:
        raise OptionError(f"no annotation format {name!r}; known: {', '.join(FORMATS)}")
    return _module(name).dump  # type: ignore[no-any-return]


def _module(name: str) -> Any:
    # On demand: a Cityscapes file needs neither an XML parser nor an image decoder.
    return import_module(FORMATS[name][0])


def _first_character(content: bytes, path: Path) -> str:
    found = re.search(rb"[^\xef\xbb\xbf\xff\xfe\x00 \t\r\n]", content)
    if found is None:
        raise AnnotationError("the file is empty", path=path)
    return chr(found.group()[0])


def _has_no_declarations(content: bytes) -> bool:
    """Return whether a file certainly has no document type, and so no entities: then the fast parser is as safe.

    Encodings in which '<!' is more than these two bytes have a zero byte; expat takes no others in which ASCII is not
    itself.
    """
    return b"\0" not in content and content.count(b"<!") == content.count(b"<!--") + content.count(b"<![CDATA[")


def _refuse_flood(content: bytes, path: Path) -> None:
    # Counted before anything is read: a file of 60 MB can be 20 million empty lists, which are 5 GB.
    nodes = content.count(b"[") + content.count(b"{") + content.count(b"<") // 2
    if nodes > MAX_NODES or content.count(b",") > MAX_VALUES:
        problem = f"{nodes:,} lists, objects and elements" if nodes > MAX_NODES else f"more than {MAX_VALUES:,} values"
        raise UnknownFormatError(f"{problem}, which no annotation of one frame has", path=path)


def decode_json(content: bytes, path: Path) -> Any:
    """Return the value of a JSON file: UTF-8, or UTF-16/32 as RFC 4627 detects them, with or without a mark.

    NaN and Infinity pass, as Python's own writer produces them: the format readers name the object that
    holds them.

    Raises
    ------
    AnnotationError
        With line and column.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the slow decoder accepts more, and says where it is wrong
    try:
        text = content.decode(json.detect_encoding(content))
        return json.loads(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise AnnotationError(f"not {error.encoding.upper()} at byte {error.start}", path=path) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise AnnotationError(f"not JSON: {error.msg}", path=path, where=where) from error
    except RecursionError as error:
        raise AnnotationError("not an annotation: nested too deeply", path=path) from error
    except ValueError as error:  # an integer of thousands of digits
        raise AnnotationError(f"not JSON: {error}", path=path) from error


def decode_xml(content: bytes, path: Path) -> Element:
    """Return the root of an XML file without document type and entities.

    Raises
    ------
    AnnotationError
        It is not well formed, or has what an annotation has no use for.
    """
    from defusedxml import DefusedXmlException

    try:
        if _has_no_declarations(content):
            return fromstring(content)
        import defusedxml.ElementTree

        root: Element = defusedxml.ElementTree.fromstring(content, forbid_dtd=True)
        return root
    except ParseError as error:
        line, column = error.position
        problem = str(error).partition(": line ")[0]
        raise AnnotationError(
            f"not well formed: {problem}", path=path, where=f"line {line}, column {column + 1}"
        ) from error
    except DefusedXmlException as error:
        raise AnnotationError("a document type or entities, which an annotation has no use for", path=path) from error
    except (LookupError, ValueError) as error:
        raise AnnotationError(f"not XML: {error}", path=path) from error
