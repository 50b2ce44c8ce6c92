"""``iddkit show``: look at one frame."""

from __future__ import annotations

from pathlib import Path

import click

from iddkit.cli import options


@click.command()
@click.argument("frame", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="The picture.  [default: <frame>_overlay.png, in this folder]"
)
@click.option("--image", "image_path", type=click.Path(path_type=Path), help="The image.  [default: looked for]")
@options.label_map
@click.option("--level", default="id", help="Level of the colours.", show_default=True)
@click.option("--fill", type=click.Choice(options.FILLS), help="Fill rule.  [default: by format and map]")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the labels.")
@options.overwrite
def show(
    frame: Path,
    out: Path | None,
    image_path: Path | None,
    label_map_name: str | None,
    level: str,
    fill: str | None,
    opacity: float,
    overwrite: bool,
) -> None:
    """Write a picture of FRAME, an annotation file: its image under the labels, outlines, a legend.

    The image is looked for where the dataset's layout has it. Unknown labels are shown in magenta and listed.
    """
    from iddkit import files, formats, frames, images, labels
    from iddkit.errors import FrameError
    from iddkit.groundtruth.plan import stem
    from iddkit.raster import default_fill
    from iddkit.reporting.overlay import draw_overlay

    reading = formats.read(frame)
    annotation = reading.annotation
    for problem in reading.problems:
        click.echo(f"{frame}: {problem}", err=True)
    if label_map_name is None:
        label_map_name = "cityscapes" if frames.scan(frame).layout == "cityscapes" else "idd"
    label_map = labels.load(label_map_name)
    image_path = image_path or frames.find_image(frame, annotation.image)
    image = None if image_path is None else images.read_rgb(image_path)
    size = None if image is None else (image.shape[1], image.shape[0])
    try:
        annotation = annotation.fitted(size, "" if image_path is None else image_path.name)
    except FrameError as error:
        raise FrameError(f"{error.problem} (--image names one)", path=frame) from error
    name = stem(frame).removesuffix("_gtFine")
    out = out or Path(f"{name}_overlay.png")
    picture = draw_overlay(
        annotation,
        label_map,
        image,
        level=label_map.level(level),
        fill=fill or default_fill(reading.format, label_map),
        opacity=opacity,
        title=name,
    )
    files.write_new(out, images.encode_png(picture), overwrite)
    click.echo(f"{out}: {picture.shape[1]}x{picture.shape[0]}, {len(annotation.shapes)} objects")
    raise click.exceptions.Exit(1 if reading.problems else 0)
