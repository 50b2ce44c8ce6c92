"""What stands in a benchmark report, in order: page and Markdown show the same sections."""

from __future__ import annotations

import math
from collections.abc import Sequence

from iddkit.errors import printable
from iddkit.reporting import benchmark_tables as tables
from iddkit.reporting.benchmark_conditions import duplicate_table, split_table
from iddkit.reporting.benchmark_entries import Entry, pair_entries
from iddkit.reporting.benchmark_figures import class_figure, figure_of, scored_groups
from iddkit.reporting.benchmark_words import percentage
from iddkit.reporting.figure import number
from iddkit.reporting.sections import Listing, Picture, Section
from iddkit.runs.published import CHALLENGES_SOURCE, SCORES_SOURCE, SECONDS_SOURCE


def make_sections(entries: Sequence[Entry]) -> tuple[Section, ...]:
    """Return the sections of a report that have something to show."""
    found = (
        _scores(entries),
        _training(entries),
        _classes(entries),
        _confusion(entries),
        _frames(entries),
        _splits(entries),
        _speed(entries),
    )
    return tuple(section for section in found if section.pictures or section.listings)


def _scores(entries: Sequence[Entry]) -> Section:
    listings = [Listing("", tables.score_table(entries), "scores")]
    if pair_entries(entries):
        listings.append(Listing("Runs on the same frames", tables.pair_table(entries), "pairs"))
    listings.append(Listing(f"Published scores ({SCORES_SOURCE})", tables.published_table(entries), "published"))
    challenges = tables.challenge_table(entries)
    if challenges.rows:
        listings.append(Listing(f"Challenges ({CHALLENGES_SOURCE})", challenges, "published"))
    pictures = (Picture("costs", _say_costs(entries)),) if len(entries) > 1 else ()
    reading = (
        "Scores are of the validation split with the weights of the best epoch, over all of its pixels at once. "
        "Published ones are of the validation split of the published dataset, at the size that the table names; a "
        "run stands in the row whose classes it tells apart."
    )
    return Section("scores", "Scores", reading, pictures, tuple(listings))


def _say_costs(entries: Sequence[Entry]) -> str:
    parts = [
        f"{entry.name} {percentage(entry.confusion.mean_iou)} with {entry.run.parameters:,} parameters and "
        f"{number(entry.run.gmacs, 4)} GMACs"
        for entry in entries
    ]
    return f"Mean IoU against parameters and multiply-adds: {'; '.join(parts)}."


def _training(entries: Sequence[Entry]) -> Section:
    reading = (
        "How the score on the validation split rose while the network was trained (as in Mishra 2024, Fig 3.9), and "
        "what the training minimised. The time is that of this device and holds the validations. Losses of runs with "
        "other settings are not comparable: weights of the classes are in them."
    )
    curves = [
        f"{entry.name} from {percentage(entry.validated[0].mean_iou or 0.0)} to "
        f"{percentage(entry.validated[-1].mean_iou or 0.0)}"
        for entry in entries
        if entry.validated
    ]
    said = "; ".join(curves) if curves else "no run was validated"
    losses = [f"{one.name} from {number(ends[0])} to {number(ends[-1])}" for one in entries if (ends := _losses(one))]
    pictures = (
        Picture("progress", f"Mean IoU of the validation split over the time of training: {said}."),
        Picture("loss", f"Loss and learning rate over the time of training. Loss: {'; '.join(losses) or 'no epoch'}."),
    )
    listings = [Listing("", tables.training_table(entries), "scores")]
    listings += [
        Listing(f"Epochs: {one.name}", tables.log_table(one), "log", True) for one in entries if one.run.epochs
    ]
    return Section("training", "Training", reading, pictures, tuple(listings))


def _losses(entry: Entry) -> list[float]:
    return [one.loss for one in entry.run.epochs if math.isfinite(one.loss)]


def _classes(entries: Sequence[Entry]) -> Section:
    groups = scored_groups(entries)
    pictures, listings = [], []
    for group in groups:
        its = group.entries[0].confusion.iou().tolist()
        said = "; ".join(f"{label} {percentage(iou)}" for label, iou in zip(group.labels, its, strict=True))
        pictures.append(
            Picture(class_figure(group, entries), f"IoU of {group.title}, {group.entries[0].name}: {said}.")
        )
        listings.append(Listing(group.title if len(groups) > 1 else "", tables.class_table(group), "classes"))
    apart = " Runs that tell other classes apart have a table of their own." if len(groups) > 1 else ""
    reading = (
        "The upright marks are chance, what is to be had without looking at the image. Who predicts one class "
        f"everywhere has that class's share of the pixels as its IoU{_say_prior(entries)}. A bar that ends there has "
        f"learned nothing of its class. The mean is over classes that are in the split or were predicted.{apart}"
    )
    return Section("classes", "Classes", reading, tuple(pictures), tuple(listings))


def _say_prior(entries: Sequence[Entry]) -> str:
    if not any(entry.run.prior for entry in entries):
        return ""
    return (
        "; who shows the same picture for every image, the most frequent class of the training split at each place, "
        "has that picture's IoU. The mark is at the larger of the two"
    )


def _confusion(entries: Sequence[Entry]) -> Section:
    scored = [entry for entry in entries if entry.is_scored]
    pictures = tuple(Picture(figure_of("confusion", one, entries), _say_confusion(one)) for one in scored)
    listings = [
        Listing(f"{heading}: {one.name}", table, "confusion", True)
        for one in scored
        for heading, table in (
            ("Pixels", tables.confusion_table(one)),
            ("Per cent of the true class", tables.share_table(one)),
        )
    ]
    reading = (
        "Each row is a true class; its cells say as what its pixels were predicted, in per cent of them. Blue cells on "
        "the diagonal are right (the recall), vermilion ones are wrong."
    )
    return Section("confusion", "Confusion", reading, pictures, tuple(listings))


def _say_confusion(entry: Entry) -> str:
    """Return the largest confusions of a run in words."""
    wrong = []
    heads = (*entry.run.labels, "no class")
    for row, (label, counts) in enumerate(zip(entry.run.labels, entry.confusion.counts.tolist(), strict=True)):
        for column, pixels in enumerate(counts):
            if column != row and pixels:
                wrong.append((pixels / sum(counts), label, heads[column]))
    wrong.sort(key=lambda one: -one[0])
    said = "; ".join(f"{100 * part:.1f} % of {label} as {other}" for part, label, other in wrong[:3])
    return f"Confusion matrix of {entry.name}. Largest confusions: {said or 'none'}."


def _frames(entries: Sequence[Entry]) -> Section:
    scored = [entry for entry in entries if entry.run.frames]
    listings = tuple(
        Listing(one.name if len(entries) > 1 else "", tables.frame_table(one), "frames", len(entries) > 1)
        for one in scored
    )
    reading = (
        "The best and the worst validation frames. The score of a frame is the mean over the classes that it shows or "
        "that were predicted on it; it is no part of the split's mean IoU, which counts all pixels at once."
    )
    return Section("frames", "Frames", reading, (), listings)


def _splits(entries: Sequence[Entry]) -> Section:
    listings = [Listing("", split_table(entries), "scores")]
    seen: set[str] = set()
    for entry in entries:
        near = duplicate_table(entry)
        if near.rows and entry.run.dataset not in seen:
            title = f"Near-duplicates in {printable(entry.run.dataset, 60)}, the most alike first"
            listings.append(Listing(title, near, "", len(near.rows) > 5))
        seen.add(entry.run.dataset)
    reading = (
        "A score says something of new scenes only if validation frames were not seen in training: no sequence should "
        "have frames in both splits, and no frame a twin in the other one. Distances are mean absolute differences of "
        "thumbnails, in grey levels of 0 to 255. A dash stands for what was not looked for."
    )
    return Section("splits", "Splits", reading, (), tuple(listings))


def _speed(entries: Sequence[Entry]) -> Section:
    timed = [entry for entry in entries if entry.run.speed is not None]
    if not timed:
        return Section("speed", "Speed", "", (), ())
    pictures, listings = [], [Listing("", tables.speed_table(entries), "scores")]
    for entry in timed:
        layers = entry.run.speed.layers if entry.run.speed else ()
        if layers:
            slowest = max(layers, key=lambda one: one.milliseconds)
            said = f"{len(layers)} layers, the slowest {printable(slowest.name)} with {slowest.milliseconds:.2f} ms"
            pictures.append(
                Picture(figure_of("layers", entry, entries), f"Run time per layer of {entry.name}: {said}.")
            )
            listings.append(Listing(f"Layers: {entry.name}", tables.layer_table(entry), "layers", True))
    listings.append(Listing(f"Published run time ({SECONDS_SOURCE})", tables.seconds_table(), "published"))
    reading = (
        "Times of a forward pass of one image at batch size 1, without reading the image and without training's "
        "bookkeeping; and of each layer in it (as in Mishra 2024, Fig 3.10). Times of layers are measured one by one: "
        "their sum is not exactly the whole. They are of this device; the published ones are of another."
    )
    return Section("speed", "Speed", reading, tuple(pictures), tuple(listings))
