from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iddkit.reporting.benchmark_classes import MOST_BARS, draw_classes, draw_confusion
from iddkit.reporting.benchmark_costs import MOST_LAYERS, draw_costs, draw_layers
from iddkit.reporting.benchmark_curves import draw_loss, draw_progress
from iddkit.reporting.benchmark_entries import group_entries, make_entries
from iddkit.reporting.benchmark_examples import Example, choose_frames, draw_examples, mark_wrong
from iddkit.reporting.benchmark_figures import draw_figures
from iddkit.reporting.confusion_figure import shade
from iddkit.reporting.figure import SECOND, SUBSET, WIDTH, styled
from iddkit.reporting.sheet import INK, Boxes, Lines, Marks, Sheet
from iddkit.runs import FrameScore, Run
from tests.fake_runs import make_run, several


def drawn(draw: Callable[..., Sheet], *runs: Run) -> Sheet:
    with styled():
        return draw(make_entries(runs))


def drawn_one(draw: Callable[..., Sheet], run: Run) -> Sheet:
    with styled():
        return draw(make_entries([run])[0])


def texts(sheet: Sheet) -> list[str]:
    return [words.text for words in sheet.words]


def marks(sheet: Sheet, color: str) -> list[list[float]]:
    """Places of the marks of a colour, without that of the legend."""
    found = [
        place
        for piece in sheet.pieces
        if isinstance(piece, Marks) and color in (piece.look.face, piece.look.edge)
        for place in piece.at.tolist()
    ]
    return found[1:]


def test_figures_are_there_for_what_a_run_has() -> None:
    assert set(draw_figures(make_entries([make_run()]))) == {"progress", "loss", "classes", "confusion", "layers"}
    bare = make_run(epochs=0, counts=tuple((0,) * 8 for _ in range(7)), speed=None)
    assert set(draw_figures(make_entries([bare]))) == {"progress", "loss"}
    mixed = draw_figures(make_entries([make_run("a"), make_run("b", level="level2", speed=None)]))
    assert {"classes-a", "classes-b", "confusion-a", "confusion-b", "layers-a", "costs"} <= set(mixed)
    assert "layers-b" not in mixed


def test_the_same_runs_give_the_same_bytes() -> None:
    first, second = (draw_figures(make_entries(several())) for _ in range(2))
    assert {name: (one.png, one.svg) for name, one in first.items()} == {
        name: (one.png, one.svg) for name, one in second.items()
    }


@pytest.mark.parametrize("runs", [(make_run(level="level3", layers=30),), several()], ids=["26 classes", "several"])
def test_words_stay_on_the_sheet(runs: tuple[Run, ...]) -> None:
    entries = make_entries(runs)
    with styled():
        sheets = [draw_progress(entries), draw_loss(entries), draw_costs(entries), draw_confusion(entries[0])]
        sheets += [draw_layers(entries[0]), draw_classes(group_entries(entries)[0])]
    for sheet in sheets:
        for words in sheet.words:
            width = words.line.width * words.size / 100
            right, top = (words.x + width, words.y) if not words.turn else (words.x, words.y - width)
            assert 0 <= words.x <= right <= WIDTH + 0.5, words.text
            assert 0 <= top <= words.y <= sheet.height, words.text


def test_the_curve_has_a_mark_for_each_validation_and_a_ring_around_the_best() -> None:
    run = make_run(epochs=9)
    sheet = drawn(draw_progress, run)
    dots = marks(sheet, SUBSET)
    assert len(dots) == 9
    (ring,) = [p for p in sheet.pieces[5:] if isinstance(p, Marks) and p.size == 9]
    assert ring.at.tolist() == [dots[run.best_epoch - 1]]


def test_the_curve_is_broken_where_the_encoder_alone_ends() -> None:
    run = make_run(epochs=9)
    sheet = drawn(draw_progress, run)
    lines = [(len(p.at), p.color == SUBSET) for p in sheet.pieces if isinstance(p, Lines) and len(p.at) in (2, 5)]
    assert (2, False) in lines  # 3 epochs of the encoder are pale,
    assert (5, True) in lines  # 6 of the whole network are not
    assert {"encoder", "whole"} <= set(texts(sheet))
    word = "before the whole network was there: the encoder alone, groups not yet made"
    assert word in texts(sheet)
    plain = replace(run, epochs=tuple(replace(one, phase="whole") for one in run.epochs))
    assert word not in texts(drawn(draw_progress, plain))


def test_published_scores_are_drawn_for_the_networks_that_have_one() -> None:
    found = texts(drawn(draw_progress, *several()))
    assert "published: IDD-lite, ERFNet, 66.14 %" in found
    assert "published: IDD-lite, DRN-d-22, 55.03 %" in found
    assert not [text for text in texts(drawn(draw_progress, make_run("unet"))) if text.startswith("published: IDD")]
    assert not [text for text in texts(drawn(draw_progress, make_run(level="id"))) if text.startswith("published")]


def test_the_published_quarter_of_an_hour_is_shown_to_runs_as_long() -> None:
    word = "published: more than 50 % by then, on a GPU"
    assert word in texts(drawn(draw_progress, make_run(minutes=15)))
    assert word not in texts(drawn(draw_progress, make_run(minutes=5)))
    assert word not in texts(drawn(draw_progress, make_run(minutes=60, level="level3")))


@pytest.mark.parametrize(("minutes", "unit"), [(1, "seconds"), (60, "minutes"), (600, "hours")])
def test_time_has_a_unit_that_fits(minutes: float, unit: str) -> None:
    assert f"{unit} of training, validations included" in texts(drawn(draw_loss, make_run(minutes=minutes)))


def test_a_run_never_validated_says_so() -> None:
    run = make_run()
    run = replace(run, epochs=tuple(replace(one, mean_iou=None) for one in run.epochs), best_epoch=0)
    assert "never validated" in texts(drawn(draw_progress, run))
    assert "never validated" not in texts(drawn(draw_progress, make_run()))


def test_a_loss_that_is_no_number_has_no_mark() -> None:
    run = make_run(epochs=8)
    broken = replace(run, epochs=(*run.epochs[:-1], replace(run.epochs[-1], loss=math.nan)))
    counts = [len(marks(drawn(draw_loss, one), SUBSET)) for one in (run, broken)]
    assert counts == [16, 15]  # loss and learning rate


def test_a_learning_rate_of_almost_nothing_is_at_the_edge_and_said_to_be() -> None:
    run = make_run(epochs=6)
    frozen = replace(
        run, epochs=tuple(replace(one, learning_rate=5e-20 if one.number < 3 else 5e-4) for one in run.epochs)
    )
    word = "learning rate at its end (lower ones are at the edge)"
    assert word in texts(drawn(draw_loss, frozen))
    assert word not in texts(drawn(draw_loss, run))


def test_bars_are_as_long_as_the_scores() -> None:
    run = make_run()
    with styled():
        sheet = draw_classes(group_entries(make_entries([run]))[0])
    bars = [p.at[0] for p in sheet.pieces if isinstance(p, Boxes) and p.look.face == SUBSET][1:]
    panel = sheet.panels[0]
    lengths = [(bar[2] - bar[0]) / (panel.right - panel.left) for bar in bars]
    assert lengths == pytest.approx(run.confusion.iou().tolist())
    assert f"{100 * run.confusion.iou()[0]:.1f}" in texts(sheet)


def chance_marks(run: Run) -> list[float]:
    with styled():
        sheet = draw_classes(group_entries(make_entries([run]))[0])
    panel = sheet.panels[0]
    upright = [p.at[0] for p in sheet.pieces if isinstance(p, Lines) and p.color == INK and len(p.at) == 1]
    return [(at[0] - panel.left) / (panel.right - panel.left) for at in upright if at[0] == at[2] > panel.left]


def test_the_mark_of_chance_is_at_a_picture_that_never_changes_where_that_is_better() -> None:
    run = make_run()
    shares = (run.confusion.counts.sum(axis=1) / run.confusion.counts.sum()).tolist()
    prior = (0.7, None, 0.0, *(0.25,) * 4)
    assert chance_marks(replace(run, prior=None)) == pytest.approx(shares)
    expected = [max(a, b or 0) for a, b in zip(shares, prior, strict=True)]
    assert chance_marks(replace(run, prior=prior)) == pytest.approx(expected)


def test_more_runs_than_bars_fit_have_marks() -> None:
    runs = [make_run(f"run{i}", seed=i) for i in range(MOST_BARS + 1)]
    with styled():
        sheet = draw_classes(group_entries(make_entries(runs))[0])
    assert len(marks(sheet, SUBSET)) == 7


def test_a_class_neither_there_nor_predicted_says_so() -> None:
    run = make_run()
    counts = np.array(run.counts)
    counts[3], counts[:, 3] = 0, 0
    with styled():
        sheet = draw_classes(group_entries(make_entries([replace(run, counts=tuple(map(tuple, counts.tolist())))]))[0])
    assert texts(sheet).count("neither there nor predicted") == 1


def test_the_column_of_no_class_is_there_if_it_is_needed() -> None:
    run = make_run()
    counts = np.array(run.counts)
    counts[2, 7] = 50_000
    found = [drawn_one(draw_confusion, one) for one in (run, replace(run, counts=tuple(map(tuple, counts.tolist()))))]
    assert ["no class" in texts(sheet) for sheet in found] == [False, True]


def test_the_matrix_says_the_share_of_each_row() -> None:
    run = make_run(counts=((90, 10, 0), (25, 75, 0)), labels=("a", "b"), colors=((0, 0, 0), (9, 9, 9)))
    run = replace(run, train=replace(run.train, pixels=(1, 1)), val=replace(run.val, pixels=(1, 1)))
    found = texts(drawn_one(draw_confusion, run))
    assert {"90.0", "10.0", "25.0", "75.0"} <= set(found)


def test_shades_are_darker_for_more() -> None:
    lightness = [sum(int(shade(SECOND, share)[i : i + 2], 16) for i in (1, 3, 5)) for share in np.linspace(0, 1, 21)]
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(lightness)) > 15


def test_of_many_layers_the_slowest_are_drawn_in_their_order() -> None:
    run = make_run(layers=MOST_LAYERS + 9)
    assert run.speed is not None
    kept = sorted(run.speed.layers, key=lambda one: -one.milliseconds)[:MOST_LAYERS]
    found = [text for text in texts(drawn_one(draw_layers, run)) if text.startswith("encoder.")]
    assert found == [one.name for one in run.speed.layers if one in kept]
    assert any(
        f"the {MOST_LAYERS} slowest of {MOST_LAYERS + 9} layers" in text for text in texts(drawn_one(draw_layers, run))
    )


def test_smaller_networks_are_further_left() -> None:
    sheet = drawn(draw_costs, *several())
    across = {piece.shape: piece.at[0, 0] for piece in sheet.pieces if isinstance(piece, Marks) and piece.size == 8}
    first = sheet.panels[0]
    places = {}
    for piece in sheet.pieces:
        if isinstance(piece, Marks) and piece.size == 8 and piece.at[0, 0] <= first.right:
            places[piece.shape] = piece.at[0, 0]
    assert places["s"] < places["o"] < places["D"]
    assert len(across) == 3


def example(**more: Any) -> Example:
    truth = np.array([[0, 1, 255], [2, 2, 1]], dtype=np.uint8)
    predicted = np.array([[0, 2, 0], [2, 255, 1]], dtype=np.uint8)
    return Example("val/0/1", "best", np.full((4, 6, 3), 100, np.uint8), predicted, truth, **more)


def test_wrong_pixels_are_marked_and_void_is_black() -> None:
    one = example()
    shown = mark_wrong(np.full((2, 3, 3), 100, np.uint8), one, 3)
    wrong = [[tuple(pixel) == (213, 94, 0) for pixel in row] for row in shown.tolist()]
    assert wrong == [[False, True, False], [False, True, False]]
    assert shown[0, 2].tolist() == [0, 0, 0]
    assert shown[0, 0].tolist() == [140, 140, 140]


def test_a_sheet_of_examples_has_the_colours_of_the_classes_and_a_legend() -> None:
    colors = ((10, 200, 30), (200, 10, 30), (30, 10, 200))
    sheet = draw_examples([example(), example()], ("a", "b", "c"), colors)
    pixels = Image.fromarray(sheet).getcolors(2**24)
    assert pixels is not None
    counts = {color: count for count, color in pixels}
    assert all(counts[color] > 300 for color in colors)
    assert sheet.shape[1] == 8 + 4 * 328
    alone = draw_examples([example()], ("a", "b", "c"), colors)
    assert alone.shape[0] < sheet.shape[0]


def test_frames_are_chosen_from_both_ends_and_the_middle_and_none_twice() -> None:
    frames = tuple(FrameScore(f"{i}", i / 100, 0.5) for i in range(101))
    run = replace(make_run(), frames=(*frames, FrameScore("none", math.nan, math.nan)))
    chosen = choose_frames(run)
    assert [one.key for one, _ in chosen] == ["100", "99", "51", "50", "1", "0"]
    assert chosen[0][1] == "best: mean IoU 100.0 %"
    few = choose_frames(replace(run, frames=frames[:3]))
    assert sorted(one.key for one, _ in few) == ["0", "1", "2"]
    assert choose_frames(replace(run, frames=())) == ()


def test_figures_are_pictures_of_the_size_they_say() -> None:
    one = draw_figures(make_entries([make_run()]))["confusion"]
    image = Image.open(io.BytesIO(one.png))
    assert image.size[0] * 100 == pytest.approx(one.width * 160, rel=0.01)
    assert one.svg.startswith(b"<?xml")
