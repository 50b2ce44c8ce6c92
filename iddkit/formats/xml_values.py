"""XML elements as the dictionaries, lists and texts that JSON knows, and back: what `Shape.extra` can carry.

====================================  ===========================================================
``<id> 7 </id>``                      ``"7"``: text, without the white space around it
``<parts><hasparts/></parts>``        ``{"hasparts": ""}``: a dictionary of the children
``<tag>a</tag><tag>b</tag>``          under ``"tag"``: ``["a", "b"]``
``<id source="tool">7</id>``          ``{"@source": "tool", "#text": "7"}``
====================================  ===========================================================

Lost are comments, the order of children of different names, and the namespaces of elements: old LabelMe files have
``xmlns="http://www.w3.org/1999/xhtml"`` on some objects, by an accident of the browser, and it means nothing.

A key that XML does not allow as a name is written with its characters as ``_x0020_`` (the way of .NET's
``XmlConvert.EncodeName``), and reading turns it back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from iddkit.errors import AnnotationError
from iddkit.formats import MAX_DEPTH

#: What cannot stand in an XML 1.0 file in any way (Char in its section 2.2) is written as this.
REPLACEMENT = "\ufffd"

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_ESCAPE = re.compile('[&<>"\r\n\t]')
# ASCII only: which other letters a name may have depends on the edition of XML that a parser follows.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.-]|_(?=x[0-9A-F]{4})|\A[0-9.-]|\A[Xx](?=[Mm][Ll])")
_ESCAPED = re.compile(r"_x([0-9A-F]{8}|[0-9A-F]{4})_")


def fields(element: Element, own: Collection[str] = ()) -> tuple[dict[str, list[Element]], dict[str, Any]]:
    """Return an element's children of the names `own`, in any case, and all else that it holds as values.

    Raises
    ------
    ValueError
        Elements are nested more than `iddkit.formats.MAX_DEPTH` deep.
    """
    return _take_apart(element, own, 0)


def _take_apart(element: Element, own: Collection[str], depth: int) -> tuple[dict[str, list[Element]], dict[str, Any]]:
    if depth > MAX_DEPTH:
        raise ValueError(f"elements are nested more than {MAX_DEPTH} deep")
    found: dict[str, list[Element]] = {}
    values: dict[str, Any] = {f"@{_unescape_name(name)}": text for name, text in element.attrib.items()}
    loose = [element.text]
    for child in element:
        name, key = _names(child.tag)
        if name in own:
            found.setdefault(name, []).append(child)
        else:
            value = _value(child, depth + 1)
            if key not in values:
                values[key] = value
            elif isinstance(values[key], list):
                values[key].append(value)
            else:
                values[key] = [values[key], value]
        loose.append(child.tail)
    words = " ".join(piece.strip() for piece in loose if piece and not piece.isspace())
    if words:
        values["#text"] = words
    return found, values


def value(element: Element) -> Any:
    """Return an element as a text or a dictionary; see the table above and `fields`."""
    return _value(element, 0)


def _value(element: Element, depth: int) -> Any:
    if not len(element) and not element.attrib:
        return (element.text or "").strip()
    return _take_apart(element, (), depth)[1]


def one_text(found: Mapping[str, list[Element]], name: str) -> str:
    """Return the text of the only element called `name`, or "" when there is none.

    Raises
    ------
    ValueError
        There are several, and they differ: which of them counts would be a guess.

    Examples
    --------
    >>> from xml.etree.ElementTree import fromstring
    >>> one_text(fields(fromstring("<pt><x> 470 </x><y>473</y></pt>"), ("x", "y"))[0], "x")
    '470'
    """
    elements = found.get(name)
    if elements is None:
        return ""
    if len(elements) == 1:
        return _all_text(elements[0])
    texts = {_all_text(element) for element in elements}
    if len(texts) > 1:
        raise ValueError(f"<{name}> is given {len(elements)} times, and not alike")
    return texts.pop()


def _all_text(element: Element) -> str:
    return ("".join(element.itertext()) if len(element) else element.text or "").strip()


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def _names(tag: str) -> tuple[str, str]:
    """Return the lower-case name that a reader looks for, and the key under which a value is kept."""
    # Names come by the million and are few; a long one is not a name, and would fill the memory.
    return _cached_names(tag) if len(tag) <= 100 else _new_names(tag)


def _new_names(tag: str) -> tuple[str, str]:
    name = local_name(tag)
    return name.lower(), _unescape_name(name)


_cached_names = lru_cache(maxsize=1000)(_new_names)


def _unescape_name(name: str) -> str:
    key = _ESCAPED.sub(lambda m: chr(code) if (code := int(m[1], 16)) < 0x110000 else m[0], name)
    # These would be taken for an attribute and for text when they are written again.
    return name if key.startswith("@") or key == "#text" else key


def tag_for(key: str, own: frozenset[str] = frozenset()) -> str:
    """Return the element name for a key. One that reads like one of `own`, in any case, is escaped.

    Examples
    --------
    >>> tag_for("Xmax"), tag_for("my flag"), tag_for("name", frozenset({"name"}))
    ('Xmax', 'my_x0020_flag', '_x006E_ame')
    """
    tag = _NOT_IN_NAME.sub(lambda m: _escape_character(m[0]), key) or "_"
    return _escape_character(tag[0]) + tag[1:] if tag.lower() in own else tag


def _escape_character(character: str) -> str:
    code = ord(character)
    return f"_x{code:04X}_" if code < 0x10000 else f"_x{code:08X}_"


def write(tag: str, value: Any, depth: int = 0) -> str:
    """Return a value as XML: what `value` reads from ``<tag>...</tag>``.

    Numbers, booleans (1 and 0) and None are written as text, tuples as lists; an empty list is an empty element, a
    list in a list an element of ``<item>`` elements.

    Raises
    ------
    AnnotationError
        Dictionaries or lists are nested more than `iddkit.formats.MAX_DEPTH` deep.

    Examples
    --------
    >>> write("parts", {"hasparts": [3, 4], "ispartof": None})
    '<parts><hasparts>3</hasparts><hasparts>4</hasparts><ispartof></ispartof></parts>'
    """
    if isinstance(value, Mapping):
        return write_element(tag, value, depth=depth)
    if isinstance(value, (list, tuple)) and value:
        nested = [{"item": item} if isinstance(item, (list, tuple)) else item for item in value]
        return "".join(write(tag, item, depth) for item in nested)
    return f"<{tag}>{escape(text(value) if value != [] else '')}</{tag}>"


def write_element(
    tag: str,
    values: Mapping[str, Any],
    own: frozenset[str] = frozenset(),
    *,
    before: str = "",
    after: str = "",
    depth: int = 0,
) -> str:
    """Return an element that holds `before` and `after`, which are XML, and between them `values`: see `fields`."""
    if depth > MAX_DEPTH:
        raise AnnotationError(f"values are nested more than {MAX_DEPTH} deep, which readers refuse")
    attributes, children, words = "", [], ""
    for key, value in values.items():
        if key == "#text":
            words = escape(text(value))
        elif _is_attribute(key := str(key)):
            attributes += f' {tag_for(key[1:])}="{escape(text(value))}"'
        else:
            children.append(write(tag_for(key, own), value, depth + 1))
    return f"<{tag}{attributes}>{words}{before}{''.join(children)}{after}</{tag}>"


def _is_attribute(key: str) -> bool:
    return key.startswith("@") and len(key) > 1


def text(value: Any) -> str:
    """Return a single value as the text that stands for it.

    Examples
    --------
    >>> text(None), text(True), text(2.0), text(1e-7)
    ('', '1', '2', '0.0000001')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and np.isfinite(value):
        # Never with an exponent: the tool's parseInt() reads 1 from '1e-07'.
        return np.format_float_positional(value, trim="-")
    return str(value)


def escape(text: str) -> str:
    """Return text as it stands in an element or an attribute; what XML cannot hold becomes `REPLACEMENT`."""
    text = _NOT_IN_XML.sub(REPLACEMENT, text)
    return _TO_ESCAPE.sub(lambda m: f"&#{ord(m[0])};", text)
