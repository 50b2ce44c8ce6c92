"""``iddkit make-mini``, ``make-lite``, ``subset``: one body, which differs in the recipe that it begins with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iddkit.cli import options
from iddkit.cli.notes import print_notes
from iddkit.cli.plan_options import PLAN_OPTIONS
from iddkit.cli.progress import progress_bar
from iddkit.errors import OptionError, printable
from iddkit.subset.plan import SubsetPlan
from iddkit.subset.recipe import Recipe, load_recipe, plan_of

if TYPE_CHECKING:
    from iddkit.derivation import Derived
    from iddkit.frames import Index
    from iddkit.subset.evidence import SplitEvidence, SubsetEvidence

_Command = Callable[..., None]

# Options that decide about a choice of frames.
_OF_CHOICE = {
    "factor": "--factor",
    "counts": "--count",
    "method": "--method",
    "seed": "--seed",
    "cover_sequences": "--cover-all-sequences",
}

_RUN = (
    options.label_map,
    click.option(
        "--from",
        "frame_list",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FRAMES.csv",
        help="Take exactly the frames of this list: an index, or any CSV file with split, sequence and name, or key.",
    ),
    click.option(
        "--source-level", metavar="LEVEL", help="Level of the source's label images.  [default: by file name]"
    ),
    click.option(
        "--beside",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="DATASET",
        help="Show this dataset, too, in the report; repeatable.",
    ),
    click.option("--no-report", is_flag=True, help="Write the dataset alone."),
    options.cache,
    options.jobs,
    options.overwrite,
    options.as_json,
)


def _with_options(command: _Command) -> _Command:
    for option in reversed((*PLAN_OPTIONS, *_RUN)):
        command = option(command)
    command = click.argument("out", type=click.Path(path_type=Path))(command)
    return click.argument("source", type=click.Path(path_type=Path))(command)


@click.command("make-mini")
@_with_options
def make_mini(**given: Any) -> None:
    """Derive IDD-mini from SOURCE: a quarter of its frames, longest side 720, the labels of level 2.

    The frames are chosen so that the proportion of labels, what is seen together and where stay as they are in SOURCE;
    OUT/report.html shows how well. 'pipelines/idd_mini.toml' is the recipe, each option takes the place of a line of
    it. A run that was interrupted is started again with the same command, which does only what is missing.
    """
    _make(load_recipe("idd_mini"), **given)


@click.command("make-lite")
@_with_options
def make_lite(**given: Any) -> None:
    """Derive IDD-lite from SOURCE: a tenth of its frames, longest side 320, the labels of level 1.

    The frames are chosen so that the proportion of labels, what is seen together and where stay as they are in SOURCE;
    OUT/report.html shows how well. 'pipelines/idd_lite.toml' is the recipe, each option takes the place of a line of
    it. A run that was interrupted is started again with the same command, which does only what is missing.
    """
    _make(load_recipe("idd_lite"), **given)


@click.command()
@click.option("--recipe", metavar="RECIPE", help="Begin with a recipe: its name (idd_mini, idd_lite) or TOML file.")
@_with_options
def subset(recipe: str | None, **given: Any) -> None:
    """Derive a smaller dataset from SOURCE by --factor, --count or --from, or by a recipe of your own.

    The frames are chosen so that the proportion of labels, what is seen together and where stay as they are in SOURCE;
    OUT/report.html shows how well. Where neither an option nor a recipe says otherwise, images keep their size, labels
    are those of level1, and files are written as the published IDD-lite, images as JPEG of quality 95. A run that was
    interrupted is started again with the same command, which does only what is missing.
    """
    _make(Recipe(Path(), {}) if recipe is None else load_recipe(recipe), **given)


def _make(
    recipe: Recipe,
    source: Path,
    out: Path,
    label_map_name: str | None,
    frame_list: Path | None,
    source_level: str | None,
    beside: tuple[Path, ...],
    no_report: bool,
    cache: Path | None,
    jobs: int,
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    from iddkit import frames
    from iddkit.derivation import derive
    from iddkit.subset.origin import numbering_of

    index = frames.scan(source)
    overrides = {field: value for field, value in given.items() if value is not None}
    if label_map_name is not None or "label_map" not in recipe.settings:
        overrides["label_map"] = numbering_of(index, label_map_name, source_level).label_map
    plan = _plan(recipe, overrides, index, frame_list)
    with progress_bar(plan.name) as progress:
        derived = derive(
            index,
            out,
            plan,
            level=source_level,
            cache=cache,
            jobs=jobs,
            overwrite=overwrite,
            beside=beside,
            report=not no_report,
            progress=progress,
        )
    for line in derived.failures:
        click.echo(line, err=True)
    print_notes(derived.notes, index)
    if as_json:
        click.echo(json.dumps(_as_json(derived), indent=1))
    else:
        _print_summary(derived)
    raise click.exceptions.Exit(1 if derived.failed or derived.failures else 0)


def _plan(recipe: Recipe, overrides: dict[str, Any], index: Index, frame_list: Path | None) -> SubsetPlan:
    if frame_list is not None:
        for field, option in _OF_CHOICE.items():
            if overrides.get(field):
                raise OptionError(f"--from lists the frames to take; {option} has no place beside it")
        from iddkit.subset.frame_list import read_frame_list

        overrides["frames"] = read_frame_list(frame_list, index)
    plan = plan_of(recipe, **overrides)
    splits = list(dict.fromkeys(frame.split for frame in index))
    if "" in plan.counts and "" not in splits:
        known = ", ".join(printable(split) for split in splits)
        raise OptionError(f"a count of {plan.counts['']} in a dataset with splits: say of which, {known}")
    return plan


def _as_json(derived: Derived) -> dict[str, Any]:
    evidence = derived.evidence
    return {
        "splits": {
            split: {"frames": available, "chosen": chosen} for split, (available, chosen) in derived.chosen.items()
        },
        "written": derived.built,
        "up_to_date": derived.skipped,
        "failed": derived.failed,
        "failures": derived.failures,
        "notes": derived.notes,
        "errors": {} if evidence is None else {split.name: _errors_json(split) for split in evidence.splits},
        "lost": {}
        if evidence is None
        else {
            level: [{"split": one.split, "label": one.label.name} for one in lost]
            for level, lost in evidence.lost().items()
        },
        "manifest": str(derived.manifest),
        "report": None if derived.report is None else str(derived.report),
    }


def _print_summary(derived: Derived) -> None:
    click.echo(f"chosen    {_counted(derived.chosen)} frames")
    click.echo(f"frames    {derived.built} written, {derived.skipped} up to date, {derived.failed} failed")
    if derived.evidence is not None:
        _print_errors(derived.evidence)
        _print_lost(derived.evidence)
    click.echo(f"manifest  {derived.manifest}")
    if derived.report is not None:
        click.echo(f"report    {derived.report}")


def _counted(chosen: Mapping[str, tuple[int, int]]) -> str:
    parts = [
        f"{printable(split)} {taken} of {available}".strip()
        for split, (available, taken) in chosen.items()
        if available
    ]
    return ", ".join(parts) or "no"


def _errors_json(split: SplitEvidence) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for measure in split.measures:
        found.setdefault(measure.level, {})[measure.name] = {
            "value": measure.value,
            "unit": measure.unit,
            "label": measure.label,
            "random_median": measure.median,
            "percentile": measure.percentile,
        }
    return found


def _print_lost(evidence: SubsetEvidence) -> None:
    """Print the labels that splits lost, those of the published level by name; and what few frames cannot hold."""
    from iddkit.reporting.subset_words import cautions, count_lost, lost_words

    finest = evidence.finest
    if evidence.lost()[evidence.level]:
        click.echo(f"no frame  of {lost_words(evidence, evidence.level)}, at {evidence.level}")
    if evidence.lost()[finest] and finest != evidence.level:
        click.echo(f"no frame  of labels at {finest}: {count_lost(evidence, finest)}")
    for text in cautions(evidence):
        click.echo(f"Note: {text}", err=True)


def _print_errors(evidence: SubsetEvidence) -> None:
    """Print the errors of the choice, and where they stand among those of random choices: as published, then finest."""
    from iddkit.cli.console import print_table
    from iddkit.reporting.subset_words import value_of
    from iddkit.reporting.tables import Column, Table

    columns = ("split", "level", "error", "label", "unit", "these frames", "random, median", "better than")
    rows = []
    for split in evidence.splits:
        for measure in split.measures:
            if measure.random and not measure.can_differ:
                continue  # random choices have no error, either
            median = None if measure.median is None else value_of(measure, measure.median)
            beaten = f"{measure.beaten} of {len(measure.random)}" if measure.random else None
            words = (measure.title, measure.label, measure.unit, value_of(measure, measure.value), median, beaten)
            rows.append((split.name, measure.level, *words))
    if rows:
        print_table(Table(tuple(Column(column) for column in columns), tuple(rows)))
