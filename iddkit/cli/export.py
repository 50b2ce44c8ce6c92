"""``iddkit export``: a trained network for programs without PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from iddkit.cli import options
from iddkit.cli.extras import TRAINING, require
from iddkit.training.onnx_format import OPSET, OPSETS


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("out", metavar="MODEL.onnx", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--size",
    type=options.Resolution(),
    metavar="HxW",
    help="Height and width of the images that it takes.  [default: as it was validated]",
)
@click.option(
    "--opset", type=click.IntRange(*OPSETS), default=OPSET, show_default=True, help="Version of ONNX's operators."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Compare with PyTorch on these: a dataset, a folder of images, one image.  [default: synthetic frames]",
)
@options.overwrite
@options.as_json
def export(
    checkpoint: Path,
    out: Path,
    size: tuple[int, int] | None,
    opset: int,
    images: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the network of CHECKPOINT as an ONNX file, and compare it with PyTorch in result and time.

    The file takes 'image', float32 (N, 3, H, W), RGB of 0 to 1 less a mean and divided by a standard deviation, and
    gives 'logits', float32 (N, C, H, W). Mean, deviation, the classes with numbers and colours, and what is to be done
    before and after are in its metadata. N is free, H and W are not.

    CHECKPOINT is a file, or the folder of a training. A file that does not compute what the network does is not
    written.
    """
    require("an export", *TRAINING, "onnx", "onnxruntime")
    from iddkit.training.export import export as run
    from iddkit.training.predictions import open_images

    index = None if images is None else open_images(images)
    done = run(checkpoint, out, size=size, opset=opset, index=index, overwrite=overwrite)
    for line in done.failures:
        click.echo(f"Error: {line}", err=True)
    check, (width, height) = done.check, done.size
    if as_json:
        document = {
            "path": str(done.path),
            "bytes": done.bytes,
            "opset": done.opset,
            "height": height,
            "width": width,
            "check": asdict(check),
            "failures": list(done.failures),
        }
        click.echo(json.dumps(document, indent=1))
    else:
        kind = "synthetic images (--images takes real ones)" if check.are_synthetic else "images"
        click.echo(f"file     {done.path}: {done.bytes:,} bytes, opset {done.opset}")
        click.echo(f"takes    image, float32 (N, 3, {height}, {width}), normalised RGB: height {height}, width {width}")
        click.echo(
            f"equal    {100 * check.equal:.4f} % of the pixels of {check.images} {kind}; logits differ by "
            f"{check.difference:.1e} at most"
        )
        click.echo(
            f"latency  {check.torch_milliseconds:.1f} ms by PyTorch, {check.onnx_milliseconds:.1f} ms by ONNX Runtime: "
            f"one image, {check.threads} threads"
        )
    raise click.exceptions.Exit(1 if done.failures else 0)
