"""``iddkit benchmark``: baseline networks, trained on a derived dataset, and what they say of its split."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.documents import finite
from iddkit.cli.extras import TRAINING, require
from iddkit.cli.progress import progress_bar
from iddkit.cli.training_progress import watching
from iddkit.errors import OptionError, UserError

if TYPE_CHECKING:
    from iddkit.reporting.benchmark_entries import Entry
    from iddkit.runs import Leakage, Run
    from iddkit.training.benchmark import Done, Work
    from iddkit.training.dataset import LabelledData
    from iddkit.training.recipe import Recipe


def _finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number that a training could have.")
    return value


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="MODEL... DATASET | --compare RUN...")
@click.option("--compare", is_flag=True, help="Train nothing: draw the report of saved runs anew, beside each other.")
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("benchmark"),
    show_default=True,
    help="Folder of the report; each network has one of its own in it.",
)
@click.option(
    "--budget-minutes",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="M",
    help="End each training after M minutes.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the training split.  [default: by recipe or budget]"
)
@click.option("--recipe", metavar="RECIPE", help="Train by this recipe: its name or TOML file.  [default: by network]")
@click.option("--batch-size", type=click.IntRange(1), help="Images a step.  [default: by recipe]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 100, min_open=True),
    callback=_finite,
    help="Highest rate.  [default: by recipe]",
)
@click.option("--precision", type=click.Choice(("auto", "float32", "bfloat16")), help="[default: by recipe]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of weights, order and chance.  [default: by recipe]")
@click.option(
    "--size", type=options.Resolution(), metavar="HxW", help="Height and width to train on.  [default: as --resolution]"
)
@click.option(
    "--resolution",
    type=options.Resolution(),
    metavar="HxW",
    help="Height and width to validate at.  [default: as published for the labels: 128x256 for IDD-lite]",
)
@click.option("--level", metavar="LEVEL", help="Level to train.  [default: that of the labels]")
@click.option("--train-split", metavar="NAME", help="Split to train on.  [default: train]")
@click.option("--val-split", metavar="NAME", help="Split to validate on.  [default: val]")
@options.label_map
@click.option("--source-level", metavar="LEVEL", help="Level of the dataset's label images.  [default: by file name]")
@options.fill
@options.unknown
@click.option("--device", type=click.Choice(("auto", "cuda", "mps", "cpu")), default="auto", show_default=True)
@click.option("--devices", type=click.IntRange(1), default=1, show_default=True, help="How many of them.")
@click.option("--resume", is_flag=True, help="Go on with trainings that were stopped.")
@click.option("--no-speed", is_flag=True, help="Do not measure latency and run time of layers.")
@click.option("--no-pictures", is_flag=True, help="Leave pictures of the dataset out of the report.")
@options.cache
@options.jobs
@options.overwrite
@options.as_json
def benchmark(what: tuple[str, ...], compare: bool, out: Path, **given: Any) -> None:
    """Train baseline networks on DATASET, and judge its split by them.

    Each MODEL (a name that 'iddkit models' lists, or several) is trained on the split 'train' by its recipe and
    validated on 'val' at the resolution at which results were published. OUT/report.html shows scores, curves, run time
    of each layer and predictions beside the published figures, and begins with a verdict: whether every label can be
    learnt, whether training saw what it is validated on, and how far the score is from the published one.

    \b
    iddkit benchmark erfnet lite --budget-minutes 15     a laptop, a quarter of an hour
    iddkit benchmark erfnet drn essnet-dg2 lite          three networks side by side
    iddkit benchmark --compare a/erfnet b/erfnet -o c    saved runs, drawn again

    Ctrl-C saves; --resume goes on. A DATASET is a folder in any layout that 'iddkit index' knows, or an index CSV.
    """  # noqa: D301 - click wants the character itself
    if compare:
        _compare([Path(run) for run in what], out, given["overwrite"], given["as_json"])
        return
    if len(what) < 2:
        raise click.UsageError("MODEL... DATASET: at least one network, then the dataset")
    require("a benchmark", *TRAINING)
    _train(what[:-1], Path(what[-1]), out, **given)


def _compare(paths: Sequence[Path], out: Path, overwrite: bool, as_json: bool) -> None:
    from iddkit.reporting.benchmark_entries import name_by_paths
    from iddkit.runs import Run

    runs, read, failed = [], [], False
    for path in paths:
        try:
            runs.append(Run.load(path))
            read.append(path)
        except UserError as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
    if runs:
        _report(name_by_paths(runs, read), out, overwrite=overwrite, as_json=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _train(
    names: Sequence[str],
    dataset: Path,
    out: Path,
    budget_minutes: float | None,
    epochs: int | None,
    recipe: str | None,
    batch_size: int | None,
    learning_rate: float | None,
    precision: str | None,
    seed: int | None,
    size: tuple[int, int] | None,
    resolution: tuple[int, int] | None,
    level: str | None,
    train_split: str | None,
    val_split: str | None,
    label_map_name: str | None,
    source_level: str | None,
    fill: str | None,
    unknown: str,
    device: str,
    devices: int,
    resume: bool,
    no_speed: bool,
    no_pictures: bool,
    cache: Path | None,
    jobs: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    from iddkit.reporting.benchmark_folder import PAGE, check_folder
    from iddkit.training import device as machines
    from iddkit.training.benchmark import Work, check_folders, find_leakage_of, runs_beside
    from iddkit.training.dataset import open_dataset
    from iddkit.training.prior import prior_scores
    from iddkit.training.recipe import recipe_of
    from iddkit.training.state import NO_LIMIT

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite: only one of them can hold")
    if budget_minutes is not None and epochs is None:
        epochs = NO_LIMIT
    recipes = [
        recipe_of(
            name,
            recipe,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            precision=precision,
            seed=seed,
            size=size,
        )
        for name in names
    ]
    if len({one.precision for one in recipes}) > 1:
        raise OptionError("the recipes are of different precisions; --precision sets one for all of them")
    check_folders(recipes, out, resume=resume, overwrite=overwrite)
    check_folder(out)
    # A report is replaced by one that shows its networks and more; files of somebody else are not.
    replaces = overwrite or resume or (out / PAGE).is_file()
    fabric = machines.start(device, devices, recipes[0].precision)
    is_first = fabric.is_global_zero  # of the processes, where several devices train
    # The others find in the cache what the first one counted.
    with fabric.rank_zero_first(), _bar("looking through the dataset", is_first) as step:
        data = open_dataset(
            dataset,
            label_map_name=label_map_name,
            level=level,
            label_level=source_level,
            size=resolution,
            train_split=train_split,
            val_split=val_split,
            fill=fill,
            unknown=unknown,
            cache=cache,
            jobs=jobs,
            progress=step,
        )
    work = Work(
        out=out,
        fabric=fabric,
        budget=None if budget_minutes is None else 60 * budget_minutes,
        threads=jobs,
        resume=resume,
        overwrite=overwrite,
        measures_speed=not no_speed,
        command=shlex.join(["iddkit", *sys.argv[1:]]),
    )
    leakage = prior = None
    if is_first:
        _describe(data, machines.describe_device(fabric.device.type), machines.precision_of(fabric))
        with _bar("comparing the splits", is_first) as step:
            leakage = find_leakage_of(data, jobs, step)
        prior = prior_scores(data)
    done, failed = _run_all(data, recipes, work, leakage, prior)
    if not is_first:
        return
    runs = [one.run for one in done if one.run is not None]
    if runs:
        examples = () if no_pictures else tuple(example for one in done for example in one.examples)
        # A report that was there already showed the networks that were trained into this folder before.
        runs += runs_beside(out, [run.name for run in runs])
        _report(runs, out, examples=examples, overwrite=replaces, as_json=as_json)
    if any(one.interrupted for one in done):
        click.echo("Interrupted. What was learnt is saved; the same command with --resume goes on.", err=True)
        raise click.exceptions.Exit(130)
    if failed or data.failures:
        raise click.exceptions.Exit(1)


def _bar(what: str, shown: bool) -> AbstractContextManager[Callable[[int, int], None]]:
    return progress_bar(what) if shown else nullcontext(lambda done, total: None)


def _run_all(
    data: LabelledData,
    recipes: Sequence[Recipe],
    work: Work,
    leakage: Leakage | None,
    prior: tuple[float | None, ...] | None,
) -> tuple[list[Done], bool]:
    """Run one network after the other; a failure of one does not stop the next, an interruption does."""
    from iddkit.training.benchmark import run_one

    done: list[Done] = []
    failed = False
    for recipe in recipes:
        with watching(recipe.model) if work.fabric.is_global_zero else nullcontext() as watch:
            try:
                done.append(run_one(data, recipe, work, leakage, prior, watch))
            except UserError as error:
                if work.fabric.world_size > 1:
                    raise  # the other processes wait for this one: all of them end
                click.echo(f"Error: {recipe.model}: {error}", err=True)
                failed = True
                continue
        if done[-1].interrupted:
            break
    return done, failed


def _describe(data: LabelledData, device: str, precision: str) -> None:
    for failure in data.failures:
        click.echo(f"Error: {failure}", err=True)
    for note in data.notes:
        click.echo(f"Note: {note}", err=True)
    width, height = data.size
    click.echo(
        f"{data.name}: {data.train_facts.frames} frame{'s' if data.train_facts.frames != 1 else ''} of "
        f"{data.train_facts.name}, {data.val_facts.frames} of "
        f"{data.val_facts.name}, {len(data.classes)} classes of {data.classes.level}; validated at height {height}, "
        f"width {width}; {device}, {precision}",
        err=True,
    )


def _report(runs: Sequence[Run], out: Path, *, overwrite: bool, as_json: bool, examples: Sequence[Any] = ()) -> None:
    from iddkit.cli.console import print_table
    from iddkit.reporting.benchmark_page import write_report
    from iddkit.reporting.benchmark_tables import score_table

    written = write_report(runs, out, examples=examples, overwrite=overwrite)
    verdict = written.verdict
    if as_json:
        documents = [_as_json(entry) for entry in written.entries]
        findings = [{"level": f.level, "title": f.title, "text": f.text} for f in verdict.findings]
        document = {"report": str(written.page), "verdict": verdict.summary, "findings": findings, "runs": documents}
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    print_table(score_table(written.entries))
    click.echo(f"\n{verdict.summary}")
    for finding in verdict.findings:
        click.echo(f"- {finding.title}: {finding.text}")
    click.echo(str(written.page), err=True)


def _as_json(entry: Entry) -> dict[str, Any]:
    run, confusion = entry.run, entry.confusion
    return {
        "name": entry.name,
        "model": run.model,
        "dataset": run.dataset,
        "mean_iou": finite(confusion.mean_iou),
        "pixel_accuracy": finite(confusion.pixel_accuracy),
        "mean_accuracy": finite(confusion.mean_accuracy),
        "iou": {label: finite(value) for label, value in zip(run.labels, confusion.iou().tolist(), strict=True)},
        "parameters": run.parameters,
        "gmacs": run.gmacs,
        "seconds": run.seconds,
        "epochs": len(run.epochs),
        "best_epoch": run.best_epoch,
        "finished": run.finished,
    }
