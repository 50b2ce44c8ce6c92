"""One network of a benchmark from beginning to end: trained, validated, timed, and kept as a run."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import nn

import iddkit
from iddkit.errors import OptionError, OutputError, TrainingError, UserError
from iddkit.models.counting import count_macs, count_parameters
from iddkit.reporting.benchmark_examples import Example, choose_frames
from iddkit.runs import Leakage, Run
from iddkit.runs.leakage import find_leakage
from iddkit.runs.record import NAME as RUN
from iddkit.training.checkpoint import Checkpoint
from iddkit.training.dataset import LabelledData
from iddkit.training.device import describe_device, precision_of
from iddkit.training.keeping import BEST, LAST
from iddkit.training.logs import NAME as LOG
from iddkit.training.logs import TENSORBOARD
from iddkit.training.loop import train
from iddkit.training.memory import peak_memory, reset_peak
from iddkit.training.pictures import Pictures
from iddkit.training.profile import measure_speed
from iddkit.training.recipe import Recipe
from iddkit.training.state import INTERRUPTED, Moment
from iddkit.training.transforms import to_tensor
from iddkit.training.validate import validate

_PACKAGES: Final = ("torch", "lightning-fabric", "numpy", "opencv-python-headless", "pillow")


@dataclass(frozen=True)
class Work:
    """How networks are trained, all of them alike.

    Attributes
    ----------
    out
        The report's folder; each network has one of its own in it.
    fabric
        The devices (`iddkit.training.device.start`).
    budget, threads
        As `iddkit.training.loop.train`.
    resume, overwrite
        What happens where a network was trained already: go on with it, or begin anew.
    measures_speed
        Whether latency and the run time of each layer are measured.
    command
        The command line, kept in the runs.
    """

    out: Path
    fabric: Fabric
    budget: float | None = None
    threads: int = 1
    resume: bool = False
    overwrite: bool = False
    measures_speed: bool = True
    command: str = ""


@dataclass(frozen=True)
class Done:
    """What became of one network: its run and some of its predictions, where it was finished and this process tells."""

    run: Run | None = None
    examples: tuple[Example, ...] = ()
    interrupted: bool = False


def check_folders(recipes: Sequence[Recipe], out: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse folders that hold a training, unless it is to be resumed or replaced.

    Raises
    ------
    OutputError
        There is one.
    OptionError
        A network is named twice.
    """
    names = [recipe.model for recipe in recipes]
    if len(set(names)) < len(names):
        raise OptionError(f"{max(names, key=names.count)} is named twice; --out gives a second run a folder of its own")
    for name in names:
        if (out / name / LAST).exists() and not (resume or overwrite):
            raise OutputError("was trained already; --resume goes on, --overwrite begins anew", path=out / name)


def find_leakage_of(data: LabelledData, jobs: int, progress: Callable[[int, int], None] | None = None) -> Leakage:
    """Look for what of the validation split was seen in training."""
    return find_leakage(data.train, data.val, Path(data.index.root), jobs, progress)


def run_one(
    data: LabelledData,
    recipe: Recipe,
    work: Work,
    leakage: Leakage | None = None,
    prior: tuple[float | None, ...] | None = None,
    watch: Callable[[Moment], None] | None = None,
) -> Done:
    """Train, validate and time one network, and write its ``run.json``.

    Parameters
    ----------
    data
        What on (`iddkit.training.dataset.open_dataset`).
    recipe
        How the network is trained.
    work
        What all networks of a benchmark have in common.
    leakage, prior
        What the verdict on the split asks beside the score: `find_leakage_of`, and
        `iddkit.training.prior.prior_scores`.
    watch
        Called after every step and every validation.

    Raises
    ------
    UserError
        As `iddkit.training.loop.train`.
    """
    folder = work.out / recipe.model
    device = work.fabric.device.type
    if work.overwrite and not work.resume and work.fabric.is_global_zero:
        _clear(folder)
    work.fabric.barrier()
    reset_peak(device)
    versions = versions_here()
    trained = train(
        data,
        recipe,
        folder,
        work.fabric,
        budget=work.budget,
        resume=work.resume,
        threads=work.threads,
        versions=versions,
        watch=watch,
    )
    if trained.finished == INTERRUPTED or not work.fabric.is_global_zero:
        return Done(interrupted=trained.finished == INTERRUPTED)
    if trained.best is None:
        problem = "it ended before the whole network, all its groups made, could be scored: more epochs or minutes help"
        if any(epoch.mean_iou is not None and math.isnan(epoch.mean_iou) for epoch in trained.epochs):
            problem = "no labelled pixel of the validation split is left at this size: a larger --resolution helps"
        raise TrainingError(problem, path=folder)
    peak, command = peak_memory(device), work.command
    if work.resume and (folder / RUN).is_file():  # scored before: what that training told of itself stays
        earlier = Run.load(folder)
        if earlier.epochs == trained.epochs:
            peak, command = earlier.peak_bytes, earlier.command
    network = Checkpoint.load(trained.best).network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pictures = Pictures(Path(data.index.root), data.val, data.reader, data.classes.level, data.size, exact=True)
    names = data.classes.names
    found = validate(network, pictures, names, device=device, threads=work.threads)
    run = Run(
        name=recipe.model,
        model=recipe.model,
        parameters=count_parameters(network, trainable=True),
        gmacs=count_macs(network, data.size) / 1e9,
        peak_bytes=peak,
        dataset=data.name,
        label_map=data.classes.label_map,
        level=data.classes.level,
        labels=names,
        colors=data.classes.colors,
        size=data.size,
        train=data.train_facts,
        val=data.val_facts,
        fingerprint=data.fingerprint,
        recipe=recipe.to_json() | ({"budget_minutes": work.budget / 60} if work.budget else {}),
        seed=recipe.seed,
        device=describe_device(device),
        precision=precision_of(work.fabric),
        devices=work.fabric.world_size,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
        finished=trained.finished,
        counts=tuple(tuple(int(n) for n in row) for row in found.confusion.counts),
        frames=found.frames,
        speed=measure_speed(network, data.size, device) if work.measures_speed else None,
        prior=prior,
        leakage=leakage,
        conversion=trained.conversion,
        versions=versions,
        command=command,
    )
    run.save(folder)
    return Done(run, make_examples(network, pictures, run, device))


def make_examples(network: nn.Module, pictures: Pictures, run: Run, device: str) -> tuple[Example, ...]:
    """Return predictions of some frames of the validation split, the best and the worst among them."""
    places = {frame.key: place for place, frame in enumerate(pictures.frames)}
    found = []
    for score, caption in choose_frames(run):
        image, truth = pictures[places[score.key]]
        with torch.inference_mode():
            predicted = network(to_tensor(image[None]).to(device)).argmax(dim=1)[0].to(torch.uint8).cpu().numpy()
        found.append(Example(score.key, caption, image, predicted, truth, run.name))
    return tuple(found)


def versions_here() -> dict[str, str]:
    """Return what runs a training: name to version, and the state of the checkout, if iddkit is one."""
    import platform

    found = {"iddkit": iddkit.__version__, "python": platform.python_version(), "system": platform.system()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # opencv comes under several names
            continue
    commit = _git("rev-parse", "HEAD")
    if commit:
        found["git"] = commit + (" with changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    return found


def _git(*words: str) -> str:
    here = Path(iddkit.__file__).parent
    if not (here.parent / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _clear(folder: Path) -> None:
    """Remove what an earlier training left."""
    try:
        for name in (LAST, BEST, LOG, RUN):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot be replaced: {error.strerror or error}", path=folder) from error


def runs_beside(out: Path, names: Sequence[str]) -> list[Run]:
    """Return the runs in a report's folder that are not of these names; what cannot be read is passed over."""
    found = []
    for path in sorted(out.glob(f"*/{RUN}")):
        if path.parent.name not in names:
            with suppress(UserError):
                found.append(Run.load(path))
    return found
