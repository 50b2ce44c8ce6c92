from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from iddkit.errors import OptionError
from iddkit.reporting import benchmark_tables as tables
from iddkit.reporting.benchmark_conditions import recipe_table, split_table
from iddkit.reporting.benchmark_csv import make_csv_tables
from iddkit.reporting.benchmark_entries import (
    group_entries,
    make_entries,
    margin_of,
    name_by_paths,
    pair_entries,
)
from iddkit.reporting.tables import Table, to_csv
from iddkit.runs import FrameScore, Run
from tests.fake_runs import make_run, several

EMPTY = tuple((0,) * 8 for _ in range(7))


def column(table: Table, name: str) -> list[Any]:
    place = [one.name for one in table.columns].index(name)
    return [row[place] for row in table.rows]


def read(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(table).decode())))


@given(st.lists(st.sampled_from(["a", "a (2)", "b/c", "../b", "", "ä", "A"]), min_size=1, max_size=8))
def test_runs_of_any_names_are_called_differently_and_so_are_their_files(names: list[str]) -> None:
    run = make_run(layers=1, epochs=1, frames=1)
    entries = make_entries([replace(run, name=name) for name in names])
    assert len({entry.name for entry in entries}) == len({entry.slug for entry in entries}) == len(names)
    assert all(entry.slug and not set(entry.slug) & set("/\\ ()") and entry.slug[0] != "." for entry in entries)


def test_a_report_of_no_run_is_refused() -> None:
    with pytest.raises(OptionError, match="at least one run"):
        make_entries([])


def test_runs_are_grouped_by_what_they_tell_apart() -> None:
    runs = [make_run("a"), make_run("b", level="level3"), make_run("c"), make_run("d", label_map="mine")]
    groups = group_entries(make_entries(runs))
    assert [[entry.name for entry in group.entries] for group in groups] == [["a", "c"], ["b"], ["d"]]
    assert [group.title for group in groups] == [
        "7 classes of idd level1",
        "26 classes of idd level3",
        "7 classes of mine level1",
    ]


def test_scores_stand_beside_the_published_one_of_the_same_network_and_level() -> None:
    entries = make_entries([*several(), make_run("fine", model="erfnet", level="id")])
    table = tables.score_table(entries)
    assert column(table, "published % mean IoU") == [66.14, 55.03, None, None]
    for entry, found, difference in zip(
        entries, column(table, "val % mean IoU"), column(table, "difference"), strict=True
    ):
        assert found == 100 * entry.run.confusion.mean_iou
        assert difference is None or difference == pytest.approx(found - 100 * (entry.published_score or 0))


def test_the_published_table_has_runs_in_the_row_of_their_classes() -> None:
    entries = make_entries([make_run("lite"), make_run("fine", level="level3"), make_run("other", label_map="mine")])
    table = tables.published_table(entries)
    assert column(table, "dataset") == ["Cityscapes", "IDD", "IDD-mini", "IDD-lite"]
    assert [value is not None for value in column(table, "measured here, % lite")] == [False, False, False, True]
    assert [value is not None for value in column(table, "measured here, % fine")] == [False, True, False, False]
    assert not any("other" in one.name for one in table.columns)
    assert column(table, "published mean IoU, % ERFNet") == pytest.approx([71.5, 55.4, 57.91, 66.14])


def test_challenges_are_shown_with_idd_lite_alone() -> None:
    assert len(tables.challenge_table(make_entries([make_run()])).rows) == 2
    assert not tables.challenge_table(make_entries([make_run(level="level3")])).rows


def test_the_mean_of_the_class_table_leaves_absent_classes_out() -> None:
    run = make_run()
    counts = [list(row) for row in run.counts]
    counts[3] = [0] * 8
    for row in counts:
        row[3] = 0
    (group,) = group_entries(make_entries([replace(run, counts=tuple(map(tuple, counts)))]))
    table = tables.class_table(group)
    values = column(table, "IoU %")
    assert math.isnan(values[3])
    assert values[-1] == pytest.approx(sum(v for v in values[:-1] if not math.isnan(v)) / 6)
    assert table.texts()[3][1] == "-"


def test_each_row_of_the_matrix_adds_up() -> None:
    (entry,) = make_entries([make_run(level="level2")])
    for row in tables.confusion_table(entry).rows:
        assert sum(int(cell or 0) for cell in row[1:-1]) == row[-1]
    for row in tables.share_table(entry).rows:
        assert sum(float(cell or 0) for cell in row[1:]) == pytest.approx(100)


def test_a_pair_is_compared_on_the_frames_that_both_have() -> None:
    first = make_run("a", frames=4)
    shifted = tuple(FrameScore(one.key, one.mean_iou + 0.1, 1.0) for one in first.frames)
    (pair,) = pair_entries(make_entries([first, replace(first, name="b", frames=shifted)]))
    assert (pair.first, pair.second, pair.frames, pair.sequences) == ("a", "b", 4, 4)
    assert pair.difference == pytest.approx(0.1)
    assert pair.margin == pytest.approx(0)


def test_the_margin_of_a_pair_is_that_of_a_mean_of_differences() -> None:
    first = make_run("a", frames=4)
    moved = tuple(
        FrameScore(one.key, one.mean_iou + step, 1.0) for one, step in zip(first.frames, (0, 0.1, 0, 0.1), strict=True)
    )
    (pair,) = pair_entries(make_entries([first, replace(first, name="b", frames=moved)]))
    # Each frame is of a drive of its own; 3.182 is the 97.5 % quantile of Student's t with 3 degrees of freedom.
    assert pair.margin == pytest.approx(3.182446 * math.sqrt(4 * 0.05**2 / 3) / 2)


@given(
    values=st.lists(st.floats(-1, 1), min_size=2, max_size=9),
    copies=st.integers(1, 5),
)
def test_frames_that_are_the_same_again_do_not_narrow_the_interval(values: list[float], copies: int) -> None:
    once = margin_of(values, [f"val/{i}/0" for i in range(len(values))])
    again = margin_of(values * copies, [f"val/{i}/{k}" for k in range(copies) for i in range(len(values))])
    alone = margin_of(values, [f"val/{i}" for i in range(len(values))])  # of no sequence
    assert once is not None
    assert once == pytest.approx(float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)), abs=1e-12)
    assert again == pytest.approx(once, abs=1e-12)
    assert alone == once


def test_an_interval_of_unequal_sequences_is_the_cluster_robust_one() -> None:
    values, keys = [0.0, 0.1, 0.2, 0.5], ["val/a/0", "val/a/1", "val/a/2", "val/b/0"]
    # Deviations from 0.2 add up to -0.3 and 0.3; 12.706 is Student's t with one degree of freedom.
    assert margin_of(values, keys) == pytest.approx(12.7062 * math.sqrt(2 * (0.09 + 0.09)) / 4, rel=1e-5)


@pytest.mark.parametrize("keys", [[], ["val/a/0"], ["val/a/0", "val/a/1", "val/a/2"]])
def test_one_sequence_has_no_interval(keys: list[str]) -> None:
    assert margin_of([0.1] * len(keys), keys) is None


def test_pairs_say_of_how_many_sequences_their_frames_are() -> None:
    first = make_run("a", frames=40)
    entries = make_entries([first, replace(first, name="b")])
    assert column(tables.pair_table(entries), "frames") == [40]
    assert column(tables.pair_table(entries), "sequences") == [20]
    assert read(make_csv_tables(entries)["pairs"])[0]["sequences"] == "20"
    flat = replace(first, frames=tuple(replace(one, key=f"val/{i}") for i, one in enumerate(first.frames)))
    (pair,) = pair_entries(make_entries([flat, replace(flat, name="b")]))
    assert (pair.frames, pair.sequences) == (40, None)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/seed0/erfnet", "x/seed1/erfnet/run.json"], ["seed0", "seed1"]),
        (["x/erfnet", "x/old/erfnet"], ["erfnet", "old/erfnet"]),
        (["a/1/erfnet", "b/2/erfnet"], ["a/1", "b/2"]),
        (["a/erfnet", "a/erfnet-2"], ["erfnet", "erfnet-2"]),
        (["a/erfnet", "a/erfnet"], ["erfnet", "erfnet"]),
    ],
)
def test_runs_of_one_name_are_called_by_where_their_paths_differ(paths: list[str], names: list[str]) -> None:
    runs = [make_run("erfnet", layers=1, epochs=1) for _ in paths]
    assert [run.name for run in name_by_paths(runs, [Path(path) for path in paths])] == names


def test_runs_of_different_names_keep_them() -> None:
    runs = [make_run("erfnet"), make_run("drn")]
    assert name_by_paths(runs, [Path("a/x"), Path("b/y")]) == runs


def test_validations_of_the_encoder_alone_are_no_best_or_last_score() -> None:
    run = make_run(epochs=9)
    epochs = tuple(replace(one, mean_iou=0.9 if one.phase == "encoder" else one.number / 20) for one in run.epochs)
    (entry,) = make_entries([replace(run, epochs=epochs, best_epoch=9)])
    table = tables.training_table([entry])
    assert column(table, "validations, mean IoU % best") == column(table, "validations, mean IoU % last") == [45.0]
    (entry,) = make_entries([replace(run, epochs=tuple(one for one in epochs if one.phase == "encoder"))])
    assert len(entry.curve) == 3


def test_scores_before_the_groups_were_made_are_no_scores_of_the_network() -> None:
    run = make_run("essnet-dg2", epochs=9, recipe={"gradual_part": 0.5})
    epochs = tuple(
        replace(one, phase="whole", alpha=max(0.0, 1 - one.number / 5), mean_iou=0.9 - one.number / 20)
        for one in run.epochs
    )
    (entry,) = make_entries([replace(run, epochs=epochs, best_epoch=5)])
    assert [one.number for one in entry.validated] == [5, 6, 7, 8, 9]
    assert len(entry.curve) == 9


def test_chance_stands_beside_the_scores_of_the_classes() -> None:
    run = make_run(prior=(0.9, None, 0.0, 0.0, 0.0, 0.0, 0.0))
    (group,) = group_entries(make_entries([run]))
    shares = 100 * run.confusion.counts.sum(axis=1) / run.confusion.counts.sum()
    found = column(tables.class_table(group), "chance, IoU % without the image")
    assert found[:-1] == pytest.approx([90.0, *shares[1:].tolist()])
    assert found[-1] == pytest.approx(sum(found[:-1]) / 7)
    rows = read(make_csv_tables(make_entries([run]))["classes"])
    assert [row["IoU of a picture that never changes"] for row in rows[:3]] == ["0.9", "", "0"]


def test_sizes_are_height_x_width_everywhere() -> None:
    entries = make_entries([make_run(size=(640, 360), recipe={"size": [640, 360]})])
    assert column(tables.published_table(entries), "height x width")[3] == "128x256"
    assert column(tables.speed_table(entries), "height x width") == ["128x256"]
    assert recipe_table(entries).rows == (("size", "360x640 (height x width)"),)


@pytest.mark.parametrize("other", [{"dataset": "other"}, {"size": (64, 32)}, {"level": "level2"}, {"frames": 3}])
def test_runs_on_other_frames_classes_or_sizes_make_no_pair(other: dict[str, Any]) -> None:
    assert not pair_entries(make_entries([make_run("a"), make_run("b", **other)]))


def test_frames_without_a_score_are_in_no_mean() -> None:
    frames = (FrameScore("x", math.nan, math.nan), FrameScore("y", 0.5, 0.9))
    runs = [make_run("a", frames=2), make_run("b", frames=2)]
    entries = make_entries([replace(run, frames=frames) for run in runs])
    (pair,) = pair_entries(entries)
    assert (pair.frames, pair.difference, pair.margin) == (1, 0.0, None)
    assert column(tables.frame_table(entries[0]), "frame") == ["y"]


def test_the_frame_table_has_both_ends() -> None:
    (entry,) = make_entries([make_run(frames=50)])
    table = tables.frame_table(entry)
    assert column(table, "place") == [1, 2, 3, 4, 5, 46, 47, 48, 49, 50]
    scores = column(table, "mean IoU %")
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 100 * max(frame.mean_iou for frame in entry.run.frames)


def test_csv_files_hold_scores_as_parts_of_one_and_every_row() -> None:
    runs = several()
    found = {name: read(table) for name, table in make_csv_tables(make_entries(runs)).items()}
    assert set(found) == {"scores", "classes", "confusion", "log", "layers", "frames", "published", "pairs"}
    assert [float(row["mean IoU"]) for row in found["scores"]] == pytest.approx(
        [run.confusion.mean_iou for run in runs], rel=1e-8
    )
    assert len(found["classes"]) == 3 * 7
    assert len(found["confusion"]) == 3 * 7 * 8
    assert len(found["log"]) == sum(len(run.epochs) for run in runs)
    assert len(found["frames"]) == sum(len(run.frames) for run in runs)
    for run in runs:
        its = [row for row in found["layers"] if row["run"] == run.name]
        assert sum(float(row["share of time"]) for row in its) == pytest.approx(1)
        pixels = [int(row["pixels"]) for row in found["confusion"] if row["run"] == run.name]
        assert pixels == [count for row in run.counts for count in row]


@pytest.mark.parametrize(
    "run",
    [
        make_run(epochs=0, counts=EMPTY, frames=0, best_epoch=0),
        make_run(speed=None, leakage=None, peak_bytes=None),
    ],
    ids=["never validated", "nothing measured"],
)
def test_what_is_not_known_is_an_empty_cell(run: Run) -> None:
    (row,) = read(make_csv_tables(make_entries([run]))["scores"])
    missing = {
        True: ["mean IoU", "mean IoU less published", "pixel accuracy", "mean IoU of last validation"],
        False: ["latency ms", "inference peak bytes", "sequences in both splits", "training peak bytes"],
    }[not run.epochs]
    assert [row[name] for name in missing] == [""] * len(missing)
    assert "nan" not in "".join(row.values()).lower()


def test_datasets_stand_once_in_the_table_of_splits() -> None:
    assert len(split_table(make_entries(several())).rows) == 1
    assert len(split_table(make_entries([make_run("a"), make_run("b", dataset="other")])).rows) == 2


def test_settings_are_flat_and_those_that_a_run_lacks_are_dashes() -> None:
    first, second = make_run("a"), make_run("b", recipe={"only": {"here": True}})
    rows = {row[0]: row[1:] for row in recipe_table(make_entries([first, second])).rows}
    assert rows["optimizer.learning_rate"] == ("0.0005", "-")
    assert rows["augment.scale"] == ("0.5, 2.0", "-")
    assert rows["augment.crop"] == ("-", "-")
    assert rows["only.here"] == ("-", "yes")


def test_alpha_is_shown_of_gradual_grouping_alone() -> None:
    run = make_run()
    grouped = replace(run, epochs=tuple(replace(one, alpha=0.5) for one in run.epochs))
    names = [[one.heading for one in tables.log_table(make_entries([one])[0]).columns] for one in (run, grouped)]
    assert ["alpha" in found for found in names] == [False, True]
