"""Tables of a benchmark report for people: scores in per cent, runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from iddkit.reporting.benchmark_entries import Entry, Group, chance_of, layer_shares, pair_entries, rank_frames
from iddkit.reporting.tables import Cell, Column, Table
from iddkit.runs.finding import resolution_text
from iddkit.runs.published import PUBLISHED, SECONDS_MACHINE

#: Frames at each end of their ranking that are shown where people read; the CSV file holds all.
SHOWN_FRAMES = 5


def score_table(entries: Sequence[Entry]) -> Table:
    """Return a row a run: its scores beside the published one, its size, and what its training took."""
    columns = (
        Column("run"),
        Column("mean IoU", 2, "val %"),
        Column("pixel acc.", 2, "val %"),
        Column("mean acc.", 2, "val %"),
        Column("mean IoU", 2, "published %"),
        Column("difference", 2),
        Column("parameters"),
        Column("GMACs", 3),
        Column("minutes", 1),
        Column("best epoch"),
        Column("ended"),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        run, its, target = entry.run, entry.confusion, entry.published_score
        rows.append(
            (
                *(entry.name, 100 * its.mean_iou, 100 * its.pixel_accuracy, 100 * its.mean_accuracy),
                *((None, None) if target is None else (100 * target, 100 * (its.mean_iou - target))),
                *(run.parameters, run.gmacs, run.seconds / 60, _best(entry), run.finished),
            )
        )
    return Table(columns, tuple(rows), "scores")


def _best(entry: Entry) -> str:
    return f"{entry.run.best_epoch} of {passes_of(entry)[0]}" if entry.run.epochs else "-"


def training_table(entries: Sequence[Entry]) -> Table:
    """Return a row a run: on what and for how long it was trained, and how its score ended."""
    is_grouped = any(entry.run.conversion is not None for entry in entries)
    columns = (
        Column("run"),
        Column("device"),
        Column("precision"),
        Column("seed"),
        Column("minutes", 1),
        Column("passes", 1),
        Column("best epoch"),
        Column("best", 2, "validations, mean IoU %"),
        Column("last", 2, "validations, mean IoU %"),
        Column("peak MB", 0),
        *([Column("conversion", 2, significant=True)] if is_grouped else []),
        Column("ended"),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry in entries:
        run, scores = entry.run, [100 * (one.mean_iou or 0.0) for one in entry.validated]
        device = f"{run.devices} x {run.device}" if run.devices > 1 else run.device
        rows.append(
            (
                *(entry.name, device, run.precision, run.seed, run.seconds / 60, passes_of(entry)[1], _best(entry)),
                *((max(scores), scores[-1]) if scores else (None, None)),
                None if run.peak_bytes is None else run.peak_bytes / 1e6,
                *([run.conversion] if is_grouped else []),
                run.finished,
            )
        )
    return Table(columns, tuple(rows), "trainings")


def passes_of(entry: Entry) -> tuple[int, float]:
    """Return how many epochs a run has, and how often it saw each training image on average."""
    last = entry.run.epochs[-1:]
    return (last[0].number, last[0].images / max(1, entry.run.train.frames)) if last else (0, 0.0)


def published_table(entries: Sequence[Entry]) -> Table:
    """Return T1 Table 3.4, a row a dataset, with the runs of the same classes beside it."""
    own = [entry for entry in entries if entry.published is not None]
    columns = (
        Column("dataset"),
        Column("labels"),
        Column("height x width"),
        Column("ERFNet", 2, "published mean IoU, %"),
        Column("DRN-d-22", 2, "published mean IoU, %"),
        *(Column(entry.name, 2, "measured here, %") for entry in own),
    )
    rows: list[tuple[Cell, ...]] = []
    for row in PUBLISHED:
        scores = [100 * score for score in row.mean_ious.values()]
        found = [100 * entry.confusion.mean_iou if entry.published is row else None for entry in own]
        rows.append((row.dataset, row.labels, resolution_text(row.size), *scores, *found))
    return Table(columns, tuple(rows), "published scores")


def challenge_table(entries: Sequence[Entry]) -> Table:
    """Return T1 Table 3.6, a row a challenge, of the datasets of the runs; no row if there was none."""
    found = {id(entry.published): entry.published for entry in entries if entry.published is not None}
    places = max((len(event.mean_ious) for row in found.values() for event in row.challenges), default=0)
    columns = (
        Column("dataset, test split"),
        Column("challenge"),
        *(Column(f"place {place}", 2, "mean IoU, %") for place in range(1, places + 1)),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (row.dataset, event.name, *(100 * score for score in event.mean_ious))
        for row in found.values()
        for event in row.challenges
    )
    return Table(columns, rows, "published results of challenges")


def pair_table(entries: Sequence[Entry]) -> Table:
    """Return a row for each run beside the first one on the same frames: difference of frame scores, and chance."""
    columns = (
        Column("run"),
        Column("less"),
        Column("frames"),
        Column("sequences"),
        Column("mean difference", 2, "mean IoU of frames, points"),
        Column("from", 2, "95 % interval"),
        Column("to", 2, "95 % interval"),
    )
    rows = tuple(
        (
            *(one.second, one.first, one.frames, one.sequences, 100 * one.difference),
            *(
                (None, None)
                if one.margin is None
                else (100 * (one.difference - one.margin), 100 * (one.difference + one.margin))
            ),
        )
        for one in pair_entries(entries)
    )
    return Table(columns, rows, "runs beside each other")


def class_table(group: Group) -> Table:
    """Return a row a class, and a last one for their mean: IoU, recall and precision of each run, shares of pixels."""
    measures = ("IoU", "recall", "precision")
    shown = measures if len(group.entries) <= 3 else measures[:1]
    columns = [Column("class")]
    cells: list[list[Cell]] = [[*group.labels, "mean"]]
    several = len(group.entries) > 1
    for measure in shown:
        for entry in group.entries:
            its = entry.confusion
            values = {"IoU": its.iou, "recall": its.recall, "precision": its.precision}[measure]()
            columns.append(Column(entry.name, 2, f"{measure} %") if several else Column(f"{measure} %", 2))
            known = values[values == values]  # NaN is not itself
            cells.append([*(100 * values).tolist(), 100 * float(known.mean()) if known.size else None])
    for title, chances in _chances(group).items():
        scored = [one for one in chances if one is not None]
        columns.append(Column(title, 2, "chance, IoU %"))
        mean = 100 * sum(scored) / len(scored) if scored else None
        cells.append([*(None if one is None else 100 * one for one in chances), mean])
    for title, shares in _shares(group).items():
        columns.append(Column(title, 2, "share of pixels, %"))
        cells.append([*(None if share is None else 100 * share for share in shares), None])
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), group.title)


def _chances(group: Group) -> dict[str, list[float | None]]:
    """Return what each class scores without the image (`chance_of`); datasets that differ are named."""
    found: dict[str, list[float | None]] = {}
    datasets = dict.fromkeys(entry.run.dataset for entry in group.entries)
    for entry in group.entries:
        found.setdefault("without the image" if len(datasets) == 1 else entry.run.dataset, chance_of(entry.run))
    return found


def _shares(group: Group) -> dict[str, list[float | None]]:
    """Return which share of the pixels of each split is of each class; datasets that differ are named."""
    found: dict[str, list[float | None]] = {}
    datasets = dict.fromkeys(entry.run.dataset for entry in group.entries)
    for split in ("train", "val"):
        for entry in group.entries:
            pixels = entry.run.train.pixels if split == "train" else entry.run.val.pixels
            whole = sum(pixels)
            title = split if len(datasets) == 1 else f"{split}, {entry.run.dataset}"
            found.setdefault(title, [one / whole if whole else None for one in pixels or (0,) * len(group.labels)])
    return found


def confusion_table(entry: Entry) -> Table:
    """Return a row a true class: pixels predicted as each class."""
    columns = (Column("true class"), *(Column(label) for label in (*entry.run.labels, "no class")), Column("all"))
    counts = entry.confusion.counts.tolist()
    rows = tuple((label, *row, sum(row)) for label, row in zip(entry.run.labels, counts, strict=True))
    return Table(columns, rows, f"{entry.name}: pixels")


def share_table(entry: Entry) -> Table:
    """Return a row a true class: which share of its pixels, in per cent, was predicted as each class."""
    columns = (Column("true class"), *(Column(label, 2, "%") for label in (*entry.run.labels, "no class")))
    rows = tuple(
        (label, *(100 * pixels / sum(row) if any(row) else None for pixels in row))
        for label, row in zip(entry.run.labels, entry.confusion.counts.tolist(), strict=True)
    )
    return Table(columns, rows, f"{entry.name}: per cent of the true class")


def log_table(entry: Entry) -> Table:
    """Return a row an epoch."""
    has_alpha = any(one.alpha != 1 for one in entry.run.epochs)
    columns = [Column("epoch"), Column("phase"), Column("minutes", 1), Column("images seen"), Column("loss", 4)]
    columns += [Column("learning rate", 2, significant=True), *([Column("alpha", 2)] if has_alpha else [])]
    columns += [Column("mean IoU", 2, "val %"), Column("pixel acc.", 2, "val %")]
    rows = tuple(
        (
            *(one.number, one.phase, one.seconds / 60, one.images, one.loss, one.learning_rate),
            *((one.alpha,) if has_alpha else ()),
            *(None if score is None else 100 * score for score in (one.mean_iou, one.pixel_accuracy)),
        )
        for one in entry.run.epochs
    )
    return Table(tuple(columns), rows, f"{entry.name}: epochs")


def speed_table(entries: Sequence[Entry]) -> Table:
    """Return a row a run whose speed was measured: latency and images a second at batch size 1."""
    columns = (
        Column("run"),
        Column("device"),
        Column("threads"),
        Column("precision"),
        Column("height x width"),
        Column("median", 2, "latency, ms"),
        Column("p10", 2, "latency, ms"),
        Column("p90", 2, "latency, ms"),
        Column("FPS", 1),
        Column("peak MB", 1),
    )
    rows = tuple(
        (
            *(entry.name, speed.device, speed.threads, speed.precision, resolution_text(speed.size)),
            *(speed.milliseconds, speed.fastest, speed.slowest, speed.fps),
            None if speed.peak_bytes is None else speed.peak_bytes / 1e6,
        )
        for entry in entries
        for speed in (entry.run.speed,)
        if speed is not None
    )
    return Table(columns, rows, "speed at batch size 1")


def seconds_table() -> Table:
    """Return T1 Table 3.5: seconds for an image on a Raspberry Pi."""
    timed = [row for row in PUBLISHED if row.seconds]
    columns = (Column("network"), *(Column(row.dataset, 2, f"seconds per image, {SECONDS_MACHINE}") for row in timed))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (model, *(row.seconds[model] for row in timed)) for model in timed[0].seconds
    )
    return Table(columns, rows, "published run time")


def layer_table(entry: Entry) -> Table:
    """Return a row a layer, in the order in which they run."""
    columns = (
        Column("layer"),
        Column("kind"),
        Column("output C x H x W"),
        Column("ms", 3),
        Column("% of time", 1),
        Column("parameters"),
        Column("10^6 multiply-adds", 2),
    )
    layers = entry.run.speed.layers if entry.run.speed else ()
    rows = tuple(
        (
            *(one.name, one.kind, " x ".join(map(str, one.shape)), one.milliseconds, 100 * share),
            *(one.parameters, one.macs / 1e6),
        )
        for one, share in zip(layers, layer_shares(entry).tolist(), strict=True)
    )
    return Table(columns, rows, f"{entry.name}: layers")


def frame_table(entry: Entry) -> Table:
    """Return the best and the worst validation frames, a row each."""
    shown = [*enumerate(rank_frames(entry.run), start=1)]
    if len(shown) > 2 * SHOWN_FRAMES:
        shown = [*shown[:SHOWN_FRAMES], *shown[-SHOWN_FRAMES:]]
    columns = (Column("place"), Column("frame"), Column("mean IoU %", 2), Column("pixel acc. %", 2))
    rows = tuple((place, one.key, 100 * one.mean_iou, 100 * one.pixel_accuracy) for place, one in shown)
    return Table(columns, rows, f"{entry.name}: best and worst frames")
