from __future__ import annotations

import pytest

from iddkit import labels
from iddkit.runs.published import PUBLISHED, SCORES_SOURCE, Published, published_for
from iddkit.statistics.columns import classes


def row(name: str) -> Published:
    return next(one for one in PUBLISHED if one.dataset == name)


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one.dataset)
def test_each_published_row_is_of_a_level_with_as_many_classes(one: Published) -> None:
    found = len(classes(labels.load(one.label_map), one.level))
    # Table 3.4 counts void among the labels of Cityscapes.
    assert one.labels - (one.dataset == "Cityscapes") == found
    assert published_for(one.label_map, one.level) is one


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one.dataset)
def test_published_numbers_are_parts_of_one_in_landscape(one: Published) -> None:
    width, height = one.size
    assert width > height > 0
    scores = [*one.mean_ious.values(), *(score for event in one.challenges for score in event.mean_ious)]
    assert all(0.5 < score < 0.75 for score in scores)
    assert one.mean_ious["ERFNet"] > one.mean_ious["DRN-d-22"]
    assert all(list(event.mean_ious) == sorted(event.mean_ious, reverse=True) for event in one.challenges)


def test_each_published_row_says_of_how_many_images_it_is() -> None:
    assert {one.dataset: one.frames for one in PUBLISHED} == {
        "Cityscapes": ((2975, 500),),
        "IDD": ((6993, 981),),
        "IDD-mini": ((1794, 253),),
        "IDD-lite": ((673, 110), (1403, 204)),
    }


def test_level1_is_idd_lite_level2_idd_mini_and_level3_idd() -> None:
    found = [published_for("idd", level) for level in ("level1", "level2", "level3")]
    assert [one and (one.dataset, one.size) for one in found] == [
        ("IDD-lite", (256, 128)),
        ("IDD-mini", (640, 480)),
        ("IDD", (1024, 512)),
    ]
    assert published_for("cityscapes", "train_id") is published_for("cityscapes", "train") is row("Cityscapes")


@pytest.mark.parametrize(
    "numbering", [("idd", "id"), ("idd", "cs_train"), ("mine", "level1"), ("cityscapes", "level1")]
)
def test_nothing_was_published_of_other_levels_and_maps(numbering: tuple[str, str]) -> None:
    assert published_for(*numbering) is None


def test_only_the_networks_of_the_table_have_a_score() -> None:
    lite = row("IDD-lite")
    assert (lite.mean_iou_of("erfnet"), lite.mean_iou_of("ERFNet"), lite.mean_iou_of("drn")) == (0.6614, 0.6614, 0.5503)
    assert lite.mean_iou_of("essnet-dg2") is None
    assert "Table 3.4" in SCORES_SOURCE


def test_only_idd_lite_had_challenges_and_only_idd_was_run_on_a_raspberry_pi() -> None:
    assert [one.dataset for one in PUBLISHED if one.challenges] == ["IDD-lite"]
    assert [one.dataset for one in PUBLISHED if one.seconds] == ["IDD", "IDD-mini", "IDD-lite"]
    assert row("IDD-lite").challenges[1].mean_ious[0] == 0.6276
