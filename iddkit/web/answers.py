"""Answers that are files: tables as CSV, figures, certificates."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import Response

from iddkit.reporting.figure import Drawing
from iddkit.reporting.tables import Table, to_csv


def answer_csv(table: Table, name: str) -> Response:
    """Return a table as a CSV file of some name, without its ending."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(to_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


def answer_svg(drawing: Drawing) -> Response:
    """Return a figure."""
    return Response(drawing.svg, media_type="image/svg+xml")


def answer_report(page: bytes) -> Response:
    """Return a page that needs no other file: the style that it holds is allowed by its hash, scripts are not."""
    styles = [hashlib.sha256(style).digest() for style in re.findall(rb"<style>(.*?)</style>", page, re.DOTALL)]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in styles)
    policy = f"default-src 'none'; style-src {allowed}; img-src data:; base-uri 'none'; "
    policy += "form-action 'none'; frame-ancestors 'none'"
    return Response(page, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy})
