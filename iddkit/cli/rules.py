"""``iddkit rules``: what ``iddkit check`` looks for."""

from __future__ import annotations

import json

import click

from iddkit.cli import options


@click.command()
@click.argument("names", metavar="[RULE]...", nargs=-1)
@options.as_json
def rules(names: tuple[str, ...], as_json: bool) -> None:
    """List the rules of 'iddkit check', or explain each RULE."""
    from iddkit.checks import RULES, choose_rules
    from iddkit.reporting.check_tables import rule_table

    chosen = choose_rules(names)
    if as_json:
        document = [
            {
                "rule": name,
                "scope": str(RULES[name].scope),
                "severity": str(RULES[name].severity),
                "mends": RULES[name].mends,
                "help": RULES[name].help,
            }
            for name in chosen
        ]
        click.echo(json.dumps(document, indent=1))
    elif names:
        for name in chosen:
            rule = RULES[name]
            click.echo(f"{name} ({rule.scope}, {rule.severity}{', mends' if rule.mends else ''})\n\n{rule.help}\n")
    else:
        from iddkit.cli.console import print_table

        print_table(rule_table())
