"""The four weeks of the thesis through the real commands: both printed tables come out of an imported log."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.data.make_thesis_log import TABLE_1, TABLE_2, write_log
from tests.qc_commands import do


def test_the_tables_of_the_thesis_come_out_cell_by_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(Path("log.csv"))
    do("init", "--name", "IDD", "--timezone", "Asia/Kolkata")
    assert do("import-log", "log.csv").err == ""
    do("status", "--week", "2019-08-13", "--weeks", "4", "--csv", "tables")
    cells = [
        list(csv.reader(io.StringIO(Path(f"tables/{name}.csv").read_text())))
        for name in ("annotation", "quality_control")
    ]
    assert cells[0][1:] == [[str(cell) for cell in row] for row in TABLE_1]
    # The column of QC4 is not in the thesis, nor is QC's first week; what is 0 there and in QC3 is a '-'.
    shown = [[cell or "-" for cell in (*row[:4], row[5])] for row in cells[1][1:4]]
    assert shown == [[str(cell) for cell in row] for row in TABLE_2]
    assert {row[4] for row in cells[1][1:]} == {""}
