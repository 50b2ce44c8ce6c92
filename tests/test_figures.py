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

from iddkit.reporting import figure, label_figures, split_figures
from iddkit.reporting.figure import Drawing
from iddkit.reporting.figures import draw_figures
from iddkit.reporting.label_figures import MOST_SPLITS, order_labels, shown_splits
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


def markers(axes: Any) -> list[tuple[str, list[float]]]:
    return [(line.get_marker(), [float(x) for x in line.get_xdata()]) for line in axes.lines]


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
        assert drawn(label_figures.draw_share_errors, evidence) == drawings["share_errors"]
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
        left, right = label_figures.draw_shares(evidence).axes
    bars: list[Any] = [*left.patches]
    widths = [bar.get_width() for bar in bars if bar.get_height() < 0.5]
    order = order_labels(evidence)
    expected = [100 * (dataset.shares[i] or 0.0) for dataset in evidence.datasets[:2] for i in order]
    assert widths == pytest.approx([value for value in expected if value])
    assert [text.get_text() for text in left.get_yticklabels()] == [
        evidence.splits[0].level("level1").labels[i].short for i in order
    ]
    assert right.get_xscale() == "log"


def test_the_most_frequent_label_of_the_source_comes_first(evidence: SubsetEvidence) -> None:
    shares = [evidence.source.shares[i] or 0.0 for i in order_labels(evidence)]
    assert shares == sorted(shares, reverse=True)
    assert sorted(order_labels(evidence)) == list(range(7))


@pytest.mark.parametrize("level", ["id", "level2"])
def test_many_labels_and_odd_names_find_their_place(level: str) -> None:
    names = ["US$ 5 ^ 2_x", "सड़क", "a\nb", "w" * 60, "{label}", "<b>&amp;"]
    evidence = renamed(small(level), names)
    drawing = drawn(label_figures.draw_shares, evidence)
    assert pixels(drawing).shape[1] == figure.WIDTH * figure.DPI
    with figure.styled():
        figure.render(split_figures.draw_pairs(evidence, evidence.splits[0]))


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
        axes = label_figures.draw_drift(make_evidence(table, {"train": 6}, subsets=0)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["in no frame"]


def test_only_so_many_splits_share_a_figure() -> None:
    table = make_table({"a": (1, 3), "b": (1, 9), "c": (2, 3), "d": (1, 5)})
    evidence = make_evidence(table, {"a": 1, "b": 2, "c": 2, "d": 2}, subsets=0)
    assert [split.name for split in shown_splits(evidence)] == ["b", "c", "d"]
    with figure.styled():
        assert len(label_figures.draw_share_errors(evidence).axes) == MOST_SPLITS


def test_the_mark_of_the_subset_stands_at_its_ratio_to_the_median(evidence: SubsetEvidence) -> None:
    measures = (Measure("js", "shares", "", 2.0, (10.0, 20.0, 40.0)), Measure("mmd", "distance", "", 0.0, (1.0, 2.0)))
    changed = replace(evidence, splits=(replace(evidence.splits[0], measures=measures),))
    with figure.styled():
        axes = split_figures.draw_random(changed).axes[0]
    marks = {marker: places for marker, places in markers(axes) if places}
    assert marks["D"] == pytest.approx([0.1])
    assert marks["<"] == pytest.approx([axes.get_xlim()[0]])  # 0 lies beyond every log scale
    assert [text.get_text() for text in axes.texts] == ["all", "all", "better than"]


def test_the_sequences_without_a_frame_are_crossed_out() -> None:
    evidence = make_evidence(make_table({"train": (7, 2)}), {"train": 3}, subsets=0)
    with figure.styled():
        axes = split_figures.draw_sequences(evidence).axes[0]
    count = {marker: len(places) for marker, places in markers(axes)}
    chosen = sum(sequence.chosen > 0 for sequence in evidence.splits[0].sequences)
    assert count == {"o": chosen, "x": 7 - chosen}
    bars: list[Any] = [*axes.patches]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(3)


def test_drawing_needs_no_pyplot_and_reads_no_font_of_the_machine() -> None:
    code = (
        "import sys\n"
        "from iddkit.reporting import figures, figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from matplotlib import get_data_path\n"
        "from matplotlib.font_manager import findfont\n"
        "with figure.styled():\n"
        "    figure.render(figure.new_figure(1))\n"
        "    assert findfont('DejaVu Sans').startswith(get_data_path())\n"
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
        axes = label_figures.draw_pixels(evidence).axes[0]
    assert axes.get_xscale() == "log"
    found = sorted(places[0] for marker, places in markers(axes) if marker in ("o", "D"))
    expected = sorted(value for dataset in evidence.datasets[:2] for value in dataset.pixels if value)
    assert found == pytest.approx(expected)


def test_one_frame_more_does_not_fill_the_scale_of_the_pairs(evidence: SubsetEvidence) -> None:
    split = evidence.splits[0]
    with figure.styled():
        picture = split_figures.draw_pairs(evidence, split).axes[1].images[0]
    assert picture.get_clim()[1] >= 100 * 2 / split.chosen


def test_each_level_has_its_block_of_errors(evidence: SubsetEvidence) -> None:
    with figure.styled():
        axes = split_figures.draw_random(evidence).axes[0]
    titles = [text.get_text() for text in axes.get_yticklabels()]
    assert [title for title in titles if title.startswith("labels of")] == ["labels of level1", "labels of id"]
    assert len(titles) == 14
