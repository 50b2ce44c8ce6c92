"""``croissant.json``: a derived dataset in the format that loaders and dataset search engines read.

Croissant 1.1 (MLCommons, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html): which files there are, and
how records of image and labels are made of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from iddkit import files
from iddkit.errors import printable
from iddkit.frames import Frame
from iddkit.reporting.figure import hexadecimal
from iddkit.reporting.subset_words import describe
from iddkit.subset.evidence import SubsetEvidence

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.1"

#: The @context of the specification, which tools compare with.
_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

#: The sets of files. No set of records may have the name of one.
IMAGES, LABELS, INSTANCES = "image-files", "label-files", "instance-files"

_MIME: Final = {".jpg": "image/jpeg", ".png": "image/png", ".csv": "text/csv"}


def write_croissant(
    evidence: SubsetEvidence,
    frames: Sequence[Frame],
    frames_csv: bytes,
    *,
    csv_name: str = "frames.csv",
    instances: Sequence[str] = (),
) -> bytes:
    """Return the content of ``croissant.json``. Same input, same bytes.

    Parameters
    ----------
    evidence
        Of the derived dataset.
    frames
        Its frames, with files relative to its folder.
    frames_csv, csv_name
        The list of them (`iddkit.frames.encode_csv`), a file beside: its hash is recorded.
    instances
        Paths of instance images, relative to the folder; those of other frames are named alike.

    Notes
    -----
    What iddkit cannot know is left out: date and citation, and the licence where the plan has none. Validators
    recommend to add them.
    """
    sets: dict[str, tuple[str, tuple[str, ...]]] = {}
    suffixes: dict[str, str] = {}
    image = next(((frame.image, frame.name) for frame in frames if frame.image is not None), None)
    label = next(((frame.labels, frame.name) for frame in frames if frame.labels is not None), None)
    if image is not None:
        sets[IMAGES] = "The images.", glob_patterns(*image)
        suffixes[IMAGES] = image[0].name.removeprefix(image[1])
    if label is not None:
        sets[LABELS] = "The label images.", glob_patterns(*label)
        suffixes[LABELS] = label[0].name.removeprefix(label[1])
    patterns = _instance_patterns(frames, instances)
    if patterns:
        sets[INSTANCES] = "Instance images: number * 1000 + running number, 16 bits.", patterns
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": printable(evidence.name),
        "description": describe(evidence),
        "keywords": ["semantic segmentation", "driving scenes", f"{evidence.plan.get('label_map')} {evidence.level}"],
        "version": "1.0.0",
        **({"license": printable(evidence.license, 2000)} if evidence.license else {}),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": csv_name,
                "name": csv_name,
                "description": "One row for each frame: split, sequence, name, and its files.",
                "contentUrl": csv_name,
                "encodingFormat": "text/csv",
                "sha256": files.sha256(frames_csv),
            },
            *(_file_set(name, description, includes) for name, (description, includes) in sets.items()),
        ],
        "recordSet": _record_sets(evidence, csv_name, suffixes),
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _file_set(name: str, description: str, patterns: Sequence[str]) -> dict[str, Any]:
    suffix = Path(patterns[0]).suffix
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": description,
        "encodingFormat": _MIME.get(suffix, "application/octet-stream"),
        "includes": list(patterns) if len(patterns) > 1 else patterns[0],
    }


def glob_patterns(path: Path, name: str) -> tuple[str, ...]:
    """Return patterns of the files that are called as one of a frame is; `name` is the frame's.

    ``_inst_label.png`` ends like ``_label.png``, and no pattern of a glob says 'but not': five together do.

    Examples
    --------
    >>> glob_patterns(Path("leftImg8bit/val/7/0001_image.jpg"), "0001")
    ('leftImg8bit/*/*/*_image.jpg',)
    >>> glob_patterns(Path("gtFine/val/7/0001_label.png"), "0001")[:2]
    ('gtFine/*/*/*[!t]_label.png', 'gtFine/*/*/*[!s]t_label.png')
    """
    folder = "/".join([path.parts[0], *"*" * (len(path.parts) - 2)]) if len(path.parts) > 1 else "."
    suffix = path.name.removeprefix(name)
    if suffix != "_label.png":
        return (f"{folder}/*{suffix}",)
    other = "_inst"
    return tuple(f"{folder}/*[!{other[i]}]{other[i + 1 :]}{suffix}" for i in reversed(range(len(other))))


def _instance_patterns(frames: Sequence[Frame], instances: Sequence[str]) -> tuple[str, ...]:
    for one in instances:
        path = Path(one)
        for frame in frames:
            if frame.labels is not None and frame.labels.parent == path.parent and path.name.startswith(frame.name):
                return glob_patterns(path, frame.name)
    return ()


def _field(name: str, kind: str, description: str, source: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    short = name.rpartition("/")[2]
    return {"@type": "cr:Field", "@id": name, "name": short, "description": description, "dataType": kind} | {
        "source": source,
        **more,
    }


def _column(csv_name: str, column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": csv_name}, "extract": {"column": column}}


def _content(file_set: str) -> dict[str, Any]:
    return {"fileSet": {"@id": file_set}, "extract": {"fileProperty": "content"}}


def _from_path(file_set: str, expression: str) -> dict[str, Any]:
    # An expression even for the whole path: it turns it into text, without which mlcroissant finds it in no column.
    return {
        "fileSet": {"@id": file_set},
        "extract": {"fileProperty": "fullpath"},
        "transform": {"regex": expression},
    }


def _names(record_set: str, file_set: str, suffix: str) -> list[dict[str, Any]]:
    # From the path and not from the CSV file, whose '0001' most readers take for a number.
    parts = (
        ("split", "train, val or test.", "[^/]+/([^/]+)/.+"),
        ("sequence", "The drive.", "[^/]+/[^/]+/([^/]+)/.+"),
        ("name", "What the files of a frame have in common.", f".+/([^/]+){re.escape(suffix)}"),
    )
    return [
        _field(f"{record_set}/{part}", "sc:Text", description, _from_path(file_set, expression))
        for part, description, expression in parts
    ]


def _record_sets(evidence: SubsetEvidence, csv_name: str, suffixes: Mapping[str, str]) -> list[dict[str, Any]]:
    # Two record sets, and not one with image and labels: mlcroissant makes one join in a record set.
    path = "Path of the file in the dataset's folder."
    found: list[dict[str, Any]] = []
    if IMAGES in suffixes:
        joined = {"references": _column(csv_name, "image")}
        fields = [
            *_names("frames", IMAGES, suffixes[IMAGES]),
            _field("frames/path", "sc:Text", path, _from_path(IMAGES, "(.+)"), **joined),
            _field("frames/image", "sc:ImageObject", "The image.", _content(IMAGES)),
            _field("frames/labels", "sc:Text", "Path of the label image, if any.", _column(csv_name, "labels")),
        ]
        description = "One record for each image. Its labels are the record of 'labels' with the same names."
        found.append(_record_set("frames", description, "path", fields))
    if LABELS in suffixes:
        fields = [
            *_names("labels", LABELS, suffixes[LABELS]),
            _field("labels/path", "sc:Text", path, _from_path(LABELS, "(.+)")),
            _field("labels/label", "sc:ImageObject", "The label image, 8 bits.", _content(LABELS)),
        ]
        description = "One record for each label image. Pixels hold numbers of 'label_names'; others are void."
        found.append(_record_set("labels", description, "path", fields))
    return [*found, _label_names(evidence)]


def _record_set(name: str, description: str, key: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/{key}"},
        "field": fields,
    }


def _label_names(evidence: SubsetEvidence) -> dict[str, Any]:
    kinds = (("number", "sc:Integer"), ("name", "sc:Text"), ("color", "sc:Text"))
    fields = [
        {"@type": "cr:Field", "@id": f"label_names/{name}", "name": name, "dataType": kind} for name, kind in kinds
    ]
    rows = [
        {
            "label_names/number": label.number,
            "label_names/name": printable(label.name),
            "label_names/color": hexadecimal(label.color),
        }
        for label in evidence.splits[0].level(evidence.level).labels
    ]
    description = f"The labels of {evidence.level}: number in the label images, name, colour."
    return {**_record_set("label_names", description, "number", fields), "dataType": "sc:Enumeration", "data": rows}
