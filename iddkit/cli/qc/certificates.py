"""``iddkit qc certificate``, ``redraw``: what was shown of a batch, and whether that can be drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iddkit.cli import options as shared
from iddkit.cli.qc import options
from iddkit.errors import UserError, printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store


@click.command()
@click.argument("batch_name", metavar="BATCH")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it as a page that opens offline.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown: with all samples, verdicts and what was mended.")
@shared.as_json
@shared.overwrite
@options.project
def certificate(
    store: Store, batch_name: str, html: Path | None, markdown: bool, as_json: bool, overwrite: bool
) -> None:
    """State what the samples of BATCH prove: n, c, bad ones found, the bound, the risks of the plan, seed and seal.

    It tells of a batch that is not accepted, too, and of all its samples, the returned ones with them. The JSON is the
    certificate: it holds the frozen lists, from which 'iddkit qc redraw' draws the samples again.
    """
    from iddkit import files
    from iddkit.cli.console import print_table
    from iddkit.qc import queue
    from iddkit.qc.progress.certificate import read_certificate
    from iddkit.reporting.qc_certificate import certificate_markdown, certificate_page, earlier_table, sample_table

    if markdown and as_json:
        raise click.UsageError("--markdown and --json: only one of them can hold")
    with options.looking(store) as work:
        found = read_certificate(work.connection, queue.find_batch(work, batch_name))
    if as_json:
        click.echo(found.to_json(), nl=False)
    elif markdown:
        click.echo(certificate_markdown(found), nl=False)
    else:
        for sentence in found.statement:
            click.echo(printable(sentence, 2000))
        click.echo()
        if found.rounds:
            print_table(sample_table(found))
        if found.earlier:
            print_table(earlier_table(found))
        for one in found.rounds:
            seed = f"seed {printable(one.seed)} ({printable(one.seeded)})"
            click.echo(f"round {one.round}, {one.stage}  {seed}  seal {one.seal}")
    if html is not None:
        files.write_new(html, certificate_page(found), overwrite)
        click.echo(f"{printable(str(html), 4096)}: written", err=True)


@click.command()
@click.argument("path", metavar="CERT.json", type=click.Path(dir_okay=False, path_type=Path))
def redraw(path: Path) -> None:
    """Draw the samples of a certificate again, from its JSON alone, and check all that it says.

    It needs no database. What is not as the certificate says is a line, and the exit code is 1.
    """
    from iddkit import files
    from iddkit.qc.progress.certificate import Certificate
    from iddkit.qc.progress.certificate import redraw as draw_again

    try:
        content = files.read_bytes(path)
        problems = draw_again(content)
        found = Certificate.from_json(content)
    except UserError as error:
        raise error.located(path) from error
    for problem in problems:
        click.echo(f"{printable(str(path), 4096)}: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)
    count = len(found.rounds)
    click.echo(f"batch {printable(found.batch)}: {count} sample{'' if count == 1 else 's'} drawn again, all as it says")
