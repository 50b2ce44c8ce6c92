from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iddkit.reporting import error_figures, figure, label_figures, map_figures, split_figures
from iddkit.reporting.figure import Drawing
from iddkit.reporting.figures import draw_figures
from iddkit.reporting.label_figures import MOST_SPLITS, order_labels, shown_splits
from iddkit.reporting.lettering import lay_out, measure
from iddkit.reporting.panel import linear, logarithmic, round_steps, symmetric
from iddkit.reporting.raster import rasterize
from iddkit.reporting.sheet import Boxes, Look, Marks, Sheet
from iddkit.subset.evidence import SHORT, LevelEvidence, Measure, SubsetEvidence
from tests.evidence_tables import make_evidence, make_table


def small(level: str = "level1", **more: Any) -> SubsetEvidence:
    table = make_table({"train": (4, 6), "val": (2, 6)}, level="id", seed=2)
    return make_evidence(table, {"train": 6, "val": 4}, level=level, subsets=9, **more)


def drawn(draw: Callable[[SubsetEvidence], Any], evidence: SubsetEvidence) -> Drawing:
    with figure.styled():
        return figure.render(draw(evidence))


def pixels(drawing: Drawing) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.array(Image.open(io.BytesIO(drawing.png)).convert("RGB"))


def colors_of(drawing: Drawing) -> list[Any]:
    return [color for _, color in Image.open(io.BytesIO(drawing.png)).convert("RGB").getcolors(2**24) or []]


def marks(sheet: Sheet, shape: str) -> list[float]:
    """How far right the marks of a shape are; the first is that of the legend."""
    found = [piece.at[:, 0].tolist() for piece in sheet.pieces if isinstance(piece, Marks) and piece.shape == shape]
    return [float(x) for places in found[1:] for x in places]


def bars(sheet: Sheet, color: str) -> list[list[float]]:
    """Left, top, right and bottom of the boxes of a colour; the first is that of the legend."""
    found = [piece.at.tolist() for piece in sheet.pieces if isinstance(piece, Boxes) and piece.look.face == color]
    return [box for boxes in found[1:] for box in boxes]


def texts(sheet: Sheet) -> list[str]:
    return [words.text for words in sheet.words]


def renamed(evidence: SubsetEvidence, names: list[str]) -> SubsetEvidence:
    def of(level: LevelEvidence) -> LevelEvidence:
        labels = (
            replace(label, name=name, short=name[:SHORT])
            for label, name in zip(level.labels, (names * len(level.labels))[: len(level.labels)], strict=True)
        )
        return replace(level, labels=tuple(labels))

    return replace(
        evidence, splits=tuple(replace(split, levels=tuple(map(of, split.levels))) for split in evidence.splits)
    )


@pytest.fixture(scope="module")
def evidence() -> SubsetEvidence:
    return small()


@pytest.fixture(scope="module")
def drawings(evidence: SubsetEvidence) -> dict[str, Drawing]:
    return draw_figures(evidence)


def test_all_figures_are_drawn_in_both_formats_and_one_size(drawings: dict[str, Drawing]) -> None:
    each = {"pairs-train", "pairs-val", "layout-train", "layout-val"}
    whole = {"shares", "pixels", "share_errors", "presence_errors", "drift", "sequences", "random"}
    assert set(drawings) == whole | each
    for drawing in drawings.values():
        picture = Image.open(io.BytesIO(drawing.png))
        assert picture.size == (drawing.width * figure.DPI // 100, drawing.height * figure.DPI // 100)
        text = drawing.svg.decode()
        assert "<text" not in text
        assert "<dc:date>" not in text
        assert "<svg" in text
        assert len(drawing.svg) < 1_000_000


def test_the_same_evidence_gives_the_same_bytes_whatever_the_user_has_set(
    evidence: SubsetEvidence, drawings: dict[str, Drawing]
) -> None:
    import matplotlib

    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "none", "savefig.dpi": 30}):
        assert drawn(error_figures.draw_share_errors, evidence) == drawings["share_errors"]
        assert matplotlib.rcParams["axes.facecolor"] == "red"


def test_labels_have_the_colours_of_the_map_in_the_picture(
    evidence: SubsetEvidence, drawings: dict[str, Drawing]
) -> None:
    found = {tuple(color) for color in colors_of(drawings["pixels"])}
    assert {label.color for label in evidence.splits[0].level("level1").labels} <= found
    assert (255, 255, 255) in found


def test_a_colour_bar_keeps_its_shades(drawings: dict[str, Drawing]) -> None:
    # It has more colours than a palette, and none of them fills many pixels.
    found = np.array(colors_of(drawings["pairs-train"]))
    purple = found[(found[:, 2] > found[:, 1] + 25) & (found[:, 0] < found[:, 2])]
    orange = found[(found[:, 0] > found[:, 2] + 25) & (found[:, 0] > found[:, 1])]
    assert min(len(purple), len(orange)) >= 12


def test_bars_are_as_long_as_the_shares(evidence: SubsetEvidence) -> None:
    with figure.styled():
        sheet = label_figures.draw_shares(evidence)
    left = sheet.panels[0]
    order = order_labels(evidence)
    for dataset, color in zip(evidence.datasets, (figure.SOURCE, figure.SUBSET), strict=False):
        shares = [dataset.shares[i] for i in order]
        drawn = bars(sheet, color)
        assert [box[2] for box in drawn] == pytest.approx([left.x(100 * share) for share in shares if share])
        assert all(box[0] == left.x(0) for box in drawn)
    labels = evidence.splits[0].level("level1").labels
    named = [words for words in sheet.words if words.text in {label.short for label in labels}]
    assert [words.text for words in named] == [labels[i].short for i in order]
    middles = [words.y for words in named]
    assert np.diff(middles) == pytest.approx(np.diff(left.y(range(len(order)))))


def test_the_most_frequent_label_of_the_source_comes_first(evidence: SubsetEvidence) -> None:
    shares = [evidence.source.shares[i] or 0.0 for i in order_labels(evidence)]
    assert shares == sorted(shares, reverse=True)
    assert sorted(order_labels(evidence)) == list(range(7))


@pytest.mark.parametrize("level", ["id", "level2"])
def test_many_labels_and_odd_names_find_their_place(level: str) -> None:
    names = ["US$ 5 ^ 2_x", "सड़क", "a\nb", "w" * 60, "{label}", "<b>&amp;"]
    evidence = renamed(small(level), names)
    drawing = drawn(label_figures.draw_shares, evidence)
    assert pixels(drawing).shape[1] == figure.WIDTH * figure.DPI / 72
    with figure.styled():
        figure.render(map_figures.draw_pairs(evidence, evidence.splits[0]))


def test_one_frame_without_splits_is_drawn() -> None:
    evidence = make_evidence(make_table({"": (1, 1)}, level="id", rare=0.9), {"": 1}, level="level1", subsets=3)
    drawings = draw_figures(evidence)
    assert {"pairs", "layout", "random"} <= set(drawings)


def test_without_any_label_or_random_subset_there_is_still_a_picture() -> None:
    table = make_table({"train": (2, 4)})
    assert table.sampled is not None
    for counts in (table.pixels, table.sampled.pixels):
        counts[:, :-1] = 0
    table.sampled.layout[:] = 0
    drawings = draw_figures(make_evidence(table, {"train": 4}, subsets=0))
    assert "random" not in drawings
    assert all(np.unique(pixels(drawing)).size > 1 for drawing in drawings.values())


def test_labels_that_are_nowhere_are_said_to_be(evidence: SubsetEvidence) -> None:
    table = make_table({"train": (4, 6)}, level="level1", rare=0)
    assert table.sampled is not None
    for counts in (table.pixels, table.sampled.pixels):
        counts[:, 3] = 0
    with figure.styled():
        sheet = error_figures.draw_drift(make_evidence(table, {"train": 6}, subsets=0))
    assert texts(sheet).count("in no frame") == 1


def test_only_so_many_splits_share_a_figure() -> None:
    table = make_table({"a": (1, 3), "b": (1, 9), "c": (2, 3), "d": (1, 5)})
    evidence = make_evidence(table, {"a": 1, "b": 2, "c": 2, "d": 2}, subsets=0)
    assert [split.name for split in shown_splits(evidence)] == ["b", "c", "d"]
    with figure.styled():
        assert len(error_figures.draw_share_errors(evidence).panels) == MOST_SPLITS


def test_the_mark_of_the_subset_stands_at_its_ratio_to_the_median(evidence: SubsetEvidence) -> None:
    measures = (Measure("js", "shares", "", 2.0, (10.0, 20.0, 40.0)), Measure("mmd", "distance", "", 0.0, (1.0, 2.0)))
    changed = replace(evidence, splits=(replace(evidence.splits[0], measures=measures),))
    with figure.styled():
        sheet = split_figures.draw_random(changed)
    panel = sheet.panels[0]
    assert marks(sheet, "D") == pytest.approx([panel.x(0.1)])
    # 0 lies beyond every log scale; there is no such mark in the legend.
    assert [piece.at[0, 0] for piece in sheet.pieces if isinstance(piece, Marks) and piece.shape == "<"] == [panel.left]
    assert texts(sheet).count("all") == 2


def test_the_sequences_without_a_frame_are_crossed_out() -> None:
    evidence = make_evidence(make_table({"train": (7, 2)}), {"train": 3}, subsets=0)
    with figure.styled():
        sheet = split_figures.draw_sequences(evidence)
    chosen = sum(sequence.chosen > 0 for sequence in evidence.splits[0].sequences)
    assert (len(marks(sheet, "o")), len(marks(sheet, "x"))) == (chosen, 7 - chosen)
    panel = sheet.panels[0]
    tall = sum(bottom - top for _, top, _, bottom in bars(sheet, figure.RANDOM))
    assert tall == pytest.approx(3 * float(panel.y(0) - panel.y(1)))


def test_drawing_needs_no_pyplot_and_reads_no_font_of_the_machine() -> None:
    code = (
        "import sys\n"
        "from iddkit.reporting import figures, figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from matplotlib import get_data_path\n"
        "from iddkit.reporting.sheet import Sheet\n"
        "from unittest import mock\n"
        "from matplotlib import font_manager\n"
        "with figure.styled(), mock.patch.object(font_manager, 'get_font', wraps=font_manager.get_font) as loads:\n"
        "    sheet = Sheet(72, 72)\n"
        "    sheet.write('a', 9, 9)\n"
        "    figure.render(sheet)\n"
        "assert loads.call_args.args[0].startswith(get_data_path())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.floats(1e-5, 1e12), st.integers(2, 5))
def test_numbers_keep_the_digits_that_count(value: float, digits: int) -> None:
    text = figure.number(value, digits)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.6 * 10 ** (1 - digits))
    assert figure.number(-value, digits) == "\N{MINUS SIGN}" + text
    assert figure.signed(value, digits) == "+" + text


def test_numbers_are_written_as_people_read_them() -> None:
    assert [figure.metric(value) for value in (1, 10, 1e3, 1e4, 1e6, 1e11)] == [
        "1",
        "10",
        "1 k",
        "10 k",
        "1 M",
        "100 G",
    ]
    assert figure.percent(0.00123) == "0.123 %"
    assert figure.number(1.2e-7) == "1.2e\N{MINUS SIGN}7"
    assert (figure.number(0.0), figure.signed(0.0)) == ("0", "0")


def test_pixels_are_dots_on_a_log_axis(evidence: SubsetEvidence) -> None:
    with figure.styled():
        sheet = label_figures.draw_pixels(evidence)
    panel = sheet.panels[0]
    steps = np.diff(panel.x([1e5, 1e6, 1e7]))
    assert steps[0] == pytest.approx(steps[1])
    for dataset, shape in zip(evidence.datasets, ("o", "D"), strict=False):
        expected = [float(panel.x(value)) for value in dataset.pixels if value]
        assert sorted(marks(sheet, shape)) == pytest.approx(sorted(expected))


def test_one_frame_more_does_not_fill_the_scale_of_the_pairs(evidence: SubsetEvidence) -> None:
    with figure.styled():
        sheet = map_figures.draw_pairs(evidence, evidence.splits[0])
    # From the middle of the scale's panel, where 0 is, to its upper end.
    scale = sheet.panels[1]
    assert float(scale.down(np.array(100 * 2 / evidence.splits[0].chosen))) >= -1e-9


def test_each_level_has_its_block_of_errors(evidence: SubsetEvidence) -> None:
    with figure.styled():
        sheet = split_figures.draw_random(evidence)
    left = sheet.panels[0].left
    titles = [
        words.text
        for words in sheet.words
        if words.x < left - 5 and sheet.panels[0].top < words.y < sheet.panels[0].bottom
    ]
    assert [title for title in titles if title.startswith("labels of")] == ["labels of level1", "labels of id"]
    assert len(titles) == 14


def test_every_scale_ends_where_its_panel_ends() -> None:
    ends = np.array([0.0, 1.0])
    assert linear(3, -1)(np.array([3.0, -1.0])) == pytest.approx(ends)
    assert logarithmic(0.1, 50)(np.array([0.1, 50.0])) == pytest.approx(ends)
    assert logarithmic(0.1, 50)(np.array([0.0, -1.0])) == pytest.approx([0, 0])
    assert symmetric(20, 1)(np.array([-20.0, 0.0, 20.0])) == pytest.approx([0, 0.5, 1])


@given(st.floats(1e-3, 1e6), st.integers(3, 12))
def test_steps_are_few_and_lie_inside(high: float, most: int) -> None:
    for low in (0.0, -high):
        steps = round_steps(low, high, most)
        assert 2 <= len(steps) <= most
        assert low * 1.001 <= steps[0] < steps[-1] <= high * 1.001
        assert np.diff(steps) == pytest.approx(steps[1] - steps[0])
    assert all(step == int(step) for step in round_steps(0, high + 1, most, least=1))


@pytest.mark.parametrize("turn", [0, 45, 90])
@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_words_stand_where_they_are_written(align: Any, turn: float) -> None:
    with figure.styled():
        sheet = Sheet(200, 200)
        sheet.write("HEH", 100, 100, size=20, align=align, turn=turn)
        width = measure("HEH", 20)
        dark = np.argwhere(rasterize(sheet, 72)[:, :, 0] < 128)
    along = {"left": 0.5, "center": 0.0, "right": -0.5}[align] * width
    middle = dark.mean(axis=0)
    angle = np.radians(turn)
    assert middle == pytest.approx([100 - along * np.sin(angle), 100 + along * np.cos(angle)], abs=3)


def test_both_files_hold_the_same_boxes() -> None:
    with figure.styled():
        sheet = Sheet(72, 36)
        sheet.draw_boxes([(9, 9, 27, 18)], Look("#ff0000"))
        drawing = figure.render(sheet)
    red = np.argwhere((pixels(drawing) == (255, 0, 0)).all(axis=2)) * 72 / figure.DPI
    assert [*red.min(axis=0), *red.max(axis=0)] == pytest.approx([9, 9, 18, 27], abs=0.5)
    assert b'd="M9 9H27V18H9Z" fill="#ff0000"' in drawing.svg


def test_a_line_without_letters_has_no_width() -> None:
    with figure.styled():
        assert [lay_out(text).width for text in ("", " ")] == [0, 0]
        assert measure("aa", 9) > measure("a", 9) > 0


@pytest.mark.parametrize("hatch", ["////", "xxxx", "----", ""])
def test_the_lines_of_a_hatch_stay_in_their_bar(hatch: str) -> None:
    sheet = Sheet(100, 100)
    figure.draw_bars(sheet, [(10, 20, 60, 26), (10, 40, 12, 70)], Look("#ffffff", "#000000", 0.6), hatch)
    lines = np.concatenate([np.zeros((0, 4)), *(piece.at for piece in sheet.pieces[1:])])
    assert bool(len(lines)) == bool(hatch)
    x, y = lines[:, [0, 2]], lines[:, [1, 3]]
    for left, top, right, bottom in ((10, 20, 60, 26), (10, 40, 12, 70)):
        inside = ((y >= top - 1e-9) & (y <= bottom + 1e-9)).all(axis=1)
        assert ((x[inside] >= left - 1e-9) & (x[inside] <= right + 1e-9)).all()
    assert ((y >= 20 - 1e-9) & (y <= 70 + 1e-9)).all()
