"""Each rule on a frame that is as it should be, and on one that is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iddkit.annotation import Annotation, Problem, Reading, Shape
from iddkit.checks import RULES, Scope, Settings, View, choose_rules, load_settings
from iddkit.checks.dataset import Batch
from iddkit.checks.finding import Finding
from iddkit.checks.names import correct
from iddkit.checks.rules import apply, apply_to_dataset, unreadable_file
from iddkit.checks.traits import Trait, Traits
from iddkit.errors import AnnotationError, OptionError, RecipeError
from iddkit.severity import Severity
from tests.planted import PLANTS, clean_frame, reading_of
from tests.strategies import IDD

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 200, 100
SKY = ("sky", [(0, 0), (200, 0), (200, 50), (0, 50)])
ROAD = ("road", [(0, 50), (200, 50), (200, 100), (0, 100)])
CAR = ("car", [(60, 30), (100, 30), (110, 45), (110, 70), (50, 70), (50, 45)])


def box(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def view(*objects: tuple[str, Points], problems: tuple[Problem, ...] = (), **more: Any) -> View:
    """Return a frame of 200 x 100 pixels with an image of that size, sky and road first."""
    shapes = [
        Shape(label, np.array(points, dtype=float).reshape(-1, 2), number=number)
        for number, (label, points) in enumerate(objects)
    ]
    reading = Reading(Annotation(WIDTH, HEIGHT, tuple(shapes)), problems, "cityscapes")
    return View(reading, IDD, **({"image_size": (WIDTH, HEIGHT)} | more))


def street(*objects: tuple[str, Points], **more: Any) -> View:
    return view(SKY, ROAD, *objects, **more)


KEYHOLE = [(0, 0), (200, 0), (200, 100), (0, 100), (0, 0), (40, 20), (40, 80), (160, 80), (160, 20), (40, 20)]
SAME_WAY = [(0, 0), (200, 0), (200, 100), (0, 100), (0, 0), (40, 20), (160, 20), (160, 80), (40, 80), (40, 20)]
EIGHT = [(60, 30), (110, 70), (110, 30), (60, 70)]

#: Rule to frames in which it finds nothing, and to frames with the object and the severity of the one finding.
CASES: dict[str, tuple[list[View], list[tuple[View, int | None, str]]]] = {
    "unreadable-object": (
        [street(CAR), street(problems=(Problem("imagesize", "odd"),))],
        [(street(problems=(Problem("object 4", "point 0: x is nan, no pixel coordinate", 4),)), 4, "critical")],
    ),
    "unknown-label": (
        [street(CAR, ("cargroup", CAR[1]), ("polegroup", CAR[1]), ("__ignore__", CAR[1]))],
        [(street(("autorikshaw", CAR[1])), 2, "critical"), (street(("", CAR[1])), 2, "critical")],
    ),
    "group-without-instances": (
        [street(("cargroup", CAR[1]), ("polegroup", CAR[1]))],
        [(street(("wallgroup", CAR[1])), 2, "minor")],
    ),
    "too-few-points": (
        [street(CAR, ("car", [(0, 0), (9, 0), (9, 9)]))],
        [
            (street(("car", [])), 2, "minor"),
            (street(("car", [(5, 5), (9, 9)])), 2, "major"),
            (street(("car", [(5, 5), (9, 9), (5, 5), (9, 9)])), 2, "major"),
            (street(("car", [(5, 5), (25, 5)] * 35)), 2, "major"),
        ],
    ),
    "zero-area": (
        [street(CAR), street(("pole", box(50, 10, 1, 80))), street(("car", [(5, 5), (9, 9)]))],
        [
            (street(("car", [(10, 10), (30, 30), (50, 50), (20, 20)])), 2, "major"),
            (street(("car", [*box(50, 50, 20, 20), *box(50, 50, 20, 20)])), 2, "major"),
        ],
    ),
    "self-crossing": (
        [
            street(CAR),
            street(("out of roi", KEYHOLE)),
            street(("out of roi", SAME_WAY)),
            street(("car", [*CAR[1], CAR[1][0]])),  # closed
            street(("car", [(10, 10), (30, 10), (20, 20), (30, 30), (10, 30), (20, 20)])),  # touches itself
        ],
        [
            (street(("car", EIGHT)), 2, "major"),
            (street(("car", [(10, 10), (50, 50), (50, 10), (10, 50)][::-1])), 2, "major"),
            (street(("car", [*box(10, 10, 80, 80), (10, 16), (20, 6), (20, 18)])), 2, "minor"),
        ],
    ),
    "spike": (
        [
            street(CAR),
            street(("road", [(100, 40), (200, 60), (200, 100), (0, 100)])),
            street(("sidewalk", [(100.0, 50), (200, 55), (200, 62)])),
            street(("pole", [(50, 90), (51, 20), (53, 90), (52, 92)])),
        ],
        [
            (street(("car", [(60, 30), (80, 30), (80.5, 2), (81, 30), (110, 30), (110, 70), (50, 70)])), 2, "minor"),
            (street(("car", [(60, 30), (80, 30), (80, 2), (80, 30), (110, 30), (110, 70), (50, 70)])), 2, "minor"),
        ],
    ),
    "repeated-points": (
        [street(CAR, ("car", [*CAR[1], CAR[1][0]]))],
        [(street(("car", [*CAR[1][:3], CAR[1][2], *CAR[1][3:]])), 2, "minor")],
    ),
    "outside-image": (
        [street(("car", box(190, 90, 30, 30)), ("car", []))],
        [(street(("car", box(200, 10, 30, 30))), 2, "major"), (street(("car", box(50, -30, 30, 30))), 2, "major")],
    ),
    "beyond-image": (
        [street(("car", box(150, 50, 50, 50)), ("car", box(-5, 40, 20, 20)), ("car", box(300, 10, 5, 5)))],
        [(street(("car", box(150, 50, 80, 20))), 2, "minor"), (street(("car", box(-30, 50, 80, 20))), 2, "minor")],
    ),
    "duplicate-shape": (
        [street(CAR, ("car", [(x + 1, y) for x, y in CAR[1]]))],
        [
            (street(CAR, ("car", [*CAR[1][3:], *CAR[1][:3]])), 2, "major"),
            (street(CAR, ("car", [*CAR[1]][::-1])), 2, "major"),
            (street(CAR, ("truck", CAR[1])), 2, "critical"),
        ],
    ),
    "near-duplicate-shape": (
        [
            street(CAR, CAR, ("car", box(120, 40, 30, 30)), ("truck", [(x + 1, y) for x, y in CAR[1]])),
            street(("rider", box(50, 30, 20, 40)), ("rider", box(51, 30, 20, 40)), ("motorcycle", box(50, 50, 20, 40))),
        ],
        [
            (street(CAR, ("car", [(x + 0.2, y) for x, y in CAR[1]])), 2, "major"),
            (street(CAR, ("car", [(x + 2, y) for x, y in CAR[1]])), 2, "minor"),
            (street(("pole", box(50, 10, 4, 80)), ("pole", box(51, 10, 4, 80))), 2, "minor"),
        ],
    ),
    "hidden-shape": (
        [street(CAR), street(CAR, CAR), street(("car", box(300, 0, 9, 9)))],
        [(street(CAR, ("billboard", box(20, 10, 120, 80))), 2, "minor")],
    ),
    "order-inversion": (
        [street(CAR), street(CAR, ("vegetation", box(40, 20, 40, 60))), street(CAR, ("road", box(0, 66, 200, 40)))],
        [
            (street(CAR, ("sky", box(0, 0, 200, 50))), 2, "major"),
            (street(CAR, ("road", box(0, 50, 200, 50))), 2, "major"),
        ],
    ),
    "missing-partner": (
        [
            street(("rider", box(50, 30, 20, 40)), ("motorcycle", box(50, 60, 20, 30))),
            street(("rider", box(50, 30, 20, 40)), ("bicyclegroup", box(60, 60, 20, 30))),
            street(("motorcycle", box(50, 60, 20, 30))),
            street(("rider", box(50, 30, 20, 40)), ("fence", box(40, 55, 80, 45))),  # it may stand behind the fence
        ],
        [
            (street(("fence", box(40, 55, 80, 45)), ("rider", box(50, 30, 20, 40))), 3, "major"),
            (street(("rider", box(50, 30, 20, 40))), 2, "major"),
            (street(("rider", box(20, 30, 20, 40)), ("motorcycle", box(150, 60, 20, 30))), 2, "minor"),
        ],
    ),
    "required-label": ([street(CAR)], [(view(SKY, CAR), None, "minor")]),
    "unlabelled-share": (
        [street(), view(("unlabeled", box(0, 0, 200, 100)))],
        [
            (view(SKY), None, "major"),
            (view(SKY, ("road", box(0, 53, 200, 50))), None, "minor"),
            (view(), None, "critical"),
        ],
    ),
    "gap": (
        [street(), view(SKY, ("road", box(0, 52, 200, 50)))],
        [(view(SKY, ("road", box(0, 60, 200, 50))), None, "minor")],
    ),
    "sliver": (
        [street(), view(SKY, ("road", box(0, 60, 200, 50)))],
        [(view(SKY, ("road", box(0, 52, 200, 50))), None, "minor")],
    ),
    "size-mismatch": ([street(), street(image_size=None)], [(street(image_size=(100, 50)), None, "critical")]),
    "image-missing": (
        [street(), street(image_size=None, has_images=False)],
        [(street(image_size=None), None, "major")],
    ),
    "image-unreadable": ([street()], [(street(image_size=None, image_problem="no such image"), None, "critical")]),
}


def found(rule: str, one: View) -> list[Finding]:
    return list(apply([rule], one))


def test_every_rule_of_a_frame_has_a_clean_and_a_failing_case() -> None:
    of_frames = {name for name, rule in RULES.items() if rule.scope in (Scope.OBJECT, Scope.FRAME)}
    assert of_frames == CASES.keys()
    assert all(clean and failing for clean, failing in CASES.values())


@pytest.mark.parametrize("rule", CASES)
def test_a_clean_frame_has_no_finding(rule: str) -> None:
    for number, one in enumerate(CASES[rule][0]):
        assert [str(finding) for finding in found(rule, one)] == [], number


@pytest.mark.parametrize("rule", CASES)
def test_a_defect_is_found_once_with_its_object_and_severity(rule: str) -> None:
    for number, (one, where, severity) in enumerate(CASES[rule][1]):
        findings = found(rule, one)
        assert [(f.rule, f.object, str(f.severity)) for f in findings] == [(rule, where, severity)], (number, findings)
        assert findings[0].severity.weight <= RULES[rule].severity.weight
        assert findings[0].text
        assert not findings[0].text.endswith(".")


@pytest.mark.parametrize("rule", CASES)
def test_deleted_objects_are_nobodys_business(rule: str) -> None:
    for one, where, _ in CASES[rule][1]:
        if where is None or rule == "unreadable-object":
            continue
        annotation = one.reading.annotation
        shapes = tuple(replace(shape, deleted=shape.number >= 2) for shape in annotation.shapes)
        reading = replace(one.reading, annotation=replace(annotation, shapes=shapes))
        assert found(rule, replace(one, reading=reading)) == []


def test_rectangles_and_circles_are_objects_as_polygons_are() -> None:
    def shaped(*objects: tuple[str, str, Points]) -> set[tuple[str, int | None]]:
        whole = (("sky", "polygon", SKY[1]), ("road", "polygon", ROAD[1]), *objects)
        shapes = [Shape(label, np.array(points, dtype=float), kind, i) for i, (label, kind, points) in enumerate(whole)]
        one = View(Reading(Annotation(WIDTH, HEIGHT, tuple(shapes)), (), "labelme-json"), IDD, image_size=(200, 100))
        return {(finding.rule, finding.object) for finding in apply(RULES, one)}

    box = [(50, 30), (90, 70)]
    assert shaped(("car", "rectangle", box), ("car", "circle", [(130, 50), (140, 50)])) == set()
    assert ("duplicate-shape", 2) in shaped(("car", "rectangle", box), ("truck", "rectangle", box))
    assert ("order-inversion", 2) in shaped(("car", "rectangle", box), ("sky", "rectangle", [(0, 0), (200, 60)]))
    assert ("missing-partner", 2) in shaped(("rider", "rectangle", box))
    assert ("zero-area", 2) in shaped(("car", "rectangle", [(5, 5), (5, 5)]))
    assert ("outside-image", 2) in shaped(("car", "circle", [(260, 50), (270, 50)]))
    assert ("beyond-image", 2) in shaped(("car", "circle", [(190, 50), (230, 50)]))
    assert ("beyond-image", 2) in shaped(("car", "rectangle", [(150, 20), (250, 60)]))


def test_a_slit_between_two_legs_is_no_spike_but_a_needle_into_stuff_is() -> None:
    def slit(label: str, width: float) -> View:  # of 30 px into an object of 100 x 80
        return street((label, [(20, 20), (120, 20), (120, 100), (70 + width, 100), (70, 70), (70, 100), (20, 100)]))

    assert found("spike", slit("person", 3)) == found("spike", slit("persongroup", 0.2)) == []
    assert found("spike", slit("wall", 3)) == []
    assert len(found("spike", slit("wall", 0.2))) == 1  # 0.4 degrees: nobody draws a corner like it
    assert len(found("spike", slit("person", 0))) == 1  # there and back on the same way


def test_posts_and_rods_of_a_large_image_are_no_spikes() -> None:
    def rail(width: float, length: float) -> list[Finding]:
        tip = 300 - length
        rail = [(100, 300), (400, 300), (400, 290), (250 + width, 290), (250, tip), (249, 290), (100, 290)]
        shapes = (Shape("building", np.array(rail, dtype=float), number=0),)
        return found("spike", View(Reading(Annotation(1920, 1080, shapes), (), "cityscapes"), IDD))

    assert rail(0.5, 40) == []
    assert len(rail(0.5, 70)) == 1
    assert len(rail(-1, 30)) == 1  # the way back is the way there


def test_spikes_of_one_object_are_one_finding() -> None:
    comb = [point for x in range(20, 180, 20) for point in ((x, 60), (x + 0.4, 20), (x + 0.8, 60))]
    (finding,) = found("spike", street(("car", [*comb, (180, 90), (20, 90)])))
    assert finding.text.startswith("8 spikes, the longest of 40 px at (20, 20)")


def test_a_size_that_nobody_states_is_critical_and_the_others_rules_go_on() -> None:
    reading = Reading(Annotation(0, 0, (Shape("car", np.array(CAR[1], dtype=float)),)), (), "labelme-xml")
    findings = list(apply(RULES, View(reading, IDD)))
    assert {finding.rule for finding in findings} == {"size-mismatch", "image-missing"}
    assert {finding.rule for finding in apply(RULES, View(reading, IDD, image_size=(200, 100)))} >= {"unlabelled-share"}


def test_a_file_that_cannot_be_read_is_a_finding() -> None:
    (finding,) = unreadable_file(AnnotationError("not JSON", where="line 3"))
    assert (finding.severity, finding.text) == (Severity.CRITICAL, "line 3: not JSON")


def test_the_help_of_a_rule_says_what_it_finds() -> None:
    for name, rule in RULES.items():
        assert rule.help.startswith("Find "), name
        assert rule.mends == ("Mend:" in rule.help), name


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("Car", "car"),
        ("traffic_sign", "traffic sign"),
        ("trafic sign", "traffic sign"),
        ("vegatation", "vegetation"),
        ("motorcylce", "motorcycle"),
        ("person group", "persongroup"),
        ("road group", None),  # a group that could not be counted
        ("tree", None),
        ("car crop", None),
        ("wal", None),
        ("x" * 500, None),
        ("", None),
    ],
)
def test_only_a_spelling_beyond_doubt_is_corrected(label: str, meant: str | None) -> None:
    assert correct(label, IDD) == meant


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_defect_is_found_in_a_street(kind: str) -> None:
    for seed in (3, 8):
        clean = clean_frame(seed)
        before = {finding.object for finding in found(kind, View(reading_of(clean), IDD, image_size=clean.size))}
        planted = PLANTS[kind](clean, np.random.default_rng(seed))
        after = {finding.object for finding in found(kind, View(reading_of(planted), IDD, image_size=clean.size))}
        assert len(after) > len(before), seed


def test_clean_streets_have_nothing_above_minor() -> None:
    for seed in range(4):
        clean = clean_frame(seed)
        findings = apply(RULES, View(reading_of(clean), IDD, image_size=clean.size))
        assert [str(finding) for finding in findings if finding.severity is not Severity.MINOR] == []


def test_rules_are_chosen_by_name() -> None:
    assert choose_rules() == tuple(RULES)
    assert choose_rules(["spike", "gap,zero-area"]) == ("zero-area", "spike", "gap")
    assert choose_rules(["all", "-gap"]) == choose_rules(["-gap"]) == tuple(name for name in RULES if name != "gap")
    with pytest.raises(OptionError, match="no rule 'spikes', perhaps spike"):
        choose_rules(["spikes"])


def traits(key: str, *objects: tuple[str, int, float], thumbnail: bytes = b"", **shares: float) -> Traits:
    listed = tuple(Trait(i, label, band, area, None) for i, (label, band, area) in enumerate(objects))
    return Traits(key, key.rpartition("/")[0], listed, shares, frozenset({"asha"}), thumbnail)


def of_dataset(rule: str, *frames: Traits, **settings: Any) -> list[tuple[str, Finding]]:
    return list(apply_to_dataset([rule], Batch(frames, Settings(**settings))))


def test_an_object_far_from_the_usual_area_of_its_label_at_its_height_is_found() -> None:
    usual = [traits(f"a/{i}", ("car", 5, 0.01 * 1.05 ** (i % 9)), ("bus", 5, 0.2)) for i in range(40)]
    assert of_dataset("unusual-area", *usual) == []
    ((key, finding),) = of_dataset("unusual-area", *usual, traits("a/x", ("car", 5, 0.6)))
    assert (key, finding.object, finding.severity) == ("a/x", 0, Severity.MINOR)
    assert "far larger than a car here" in finding.text
    # Elsewhere in the image nothing is known of it, nor of a label that is rare.
    assert of_dataset("unusual-area", *usual, traits("a/x", ("car", 2, 0.6), ("truck", 5, 0.6))) == []
    assert of_dataset("unusual-area", *usual[:20], traits("a/x", ("car", 5, 0.6))) == []


def test_a_frame_that_looks_like_an_earlier_one_is_found() -> None:
    dice = np.random.default_rng(1)
    pictures = [dice.integers(0, 256, 1024).astype(np.uint8) for _ in range(3)]
    noisy = np.clip(pictures[0] + dice.normal(0, 30, 1024), 0, 255).astype(np.uint8)
    frames = [traits(f"a/{i}", thumbnail=picture.tobytes()) for i, picture in enumerate(pictures)]
    assert of_dataset("near-duplicate-frame", *frames) == []
    found = of_dataset(
        "near-duplicate-frame",
        *frames,
        traits("b/0", thumbnail=pictures[1].tobytes()),
        traits("b/1", thumbnail=noisy.tobytes()),
        traits("b/2", thumbnail=bytes(1024)),
        traits("b/3", thumbnail=bytes(1024)),
    )
    assert [(key, str(finding.severity)) for key, finding in found] == [("b/0", "major"), ("b/1", "minor")]
    assert found[0][1].text == "the image is that of a/1"
    assert found[1][1].text.startswith("the image looks like that of a/0")


def test_a_drive_that_is_unlike_the_others_is_found_with_who_drew_it() -> None:
    drives = [
        traits(f"{drive}/{i}", *[("curb", 4, 0.01)] * 4, road=0.5 + 0.01 * drive, curb=0.02)
        for drive in range(9)
        for i in range(3)
    ]
    assert of_dataset("sequence-habit", *drives) == []
    odd = [traits(f"odd/{i}", *[("curb", 4, 0.01)] * 60, road=0.5, curb=0.02) for i in range(3)]
    ((key, finding),) = of_dataset("sequence-habit", *drives, *odd)
    assert key == "odd"
    assert finding.text == "60.0 objects a frame are curb, 4.0 in the middle of 10 drives; drawn by asha"
    # A label that few drives show is what they show, and no habit.
    rare = [traits(f"rare/{i}", *[("curb", 4, 0.01)] * 4, bridge=0.4, curb=0.02) for i in range(3)]
    assert "bridge" not in str(of_dataset("sequence-habit", *drives, *rare))


def test_settings_are_read_from_a_file_and_refused_where_they_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "checks.toml"
    path.write_text('margin = 3\nbehind = ["sky"]\nrequired = [["sky"], ["road"]]\n[partners]\nrider = ["car"]\n')
    settings = load_settings(path)
    assert (settings.margin, settings.behind, settings.gap) == (3, ("sky",), 4)
    assert settings.required == (("sky",), ("road",))
    assert settings.partners == {"rider": ("car",)}
    assert found("beyond-image", street(("car", box(-5, 40, 20, 20)), settings=settings))
    for text, problem in (
        ("margn = 3", "the nearest known one is margin"),
        ("margin = -1", "a number of pixels"),
        ("behind = 3", "a list of labels"),
        ("required = ['road']", "a list of lists of labels"),
        ("partners = ['road']", "a table of labels"),
        ("gap = 0", "from 1 on"),
    ):
        path.write_text(text)
        with pytest.raises(RecipeError, match=problem):
            load_settings(path)
