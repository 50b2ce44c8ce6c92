"""Pages of HTML that need no other file: the templates share a skeleton and its style."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A headline: a figure with what it is and what belongs to it."""

    title: str
    value: str
    note: str


def render_page(template: str, **values: object) -> str:
    """Return a page made of one of the templates of this package; what a value says is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("iddkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)
