from __future__ import annotations

import pytest

from iddkit import models
from iddkit.errors import OptionError
from iddkit.models.ledger import PaperLedger, paper_ledger

# What the papers print, and the ledger gives to the last digit.
EXACT = {
    "erfnet": (2038448, 27.705),
    "essnetb-d": (547120, 10.597),
    "essnetb-dg2": (395568, 8.852),
    "essnetb-dg4": (319792, 7.980),
    "essnetb-dg8": (281904, 7.543),
    "essneta-dg2": (1238960, 18.998),
    "essneta-dg4": (1202096, 18.595),
    "essneta-dg8": (1183664, 18.394),
    "essnet-d": (431312, 5.773),
    "essnet-dg2": (279760, 4.029),
    "essnet-dg4": (203984, 3.156),
}


def ledger(name: str) -> PaperLedger:
    row = paper_ledger(name)
    assert row is not None
    return row


@pytest.mark.parametrize("name", EXACT)
def test_ledger_gives_what_is_printed_to_the_last_digit(name: str) -> None:
    row = ledger(name)
    assert (row.params_paper_ledger, round(row.gmacs_paper_ledger, 3)) == EXACT[name]
    assert (row.params_published, row.gmacs_published) == EXACT[name]
    assert not row.published_mismatch


def test_multiply_adds_of_the_ledger_have_six_decimals() -> None:
    found = {name: round(ledger(name).gmacs_paper_ledger, 6) for name in EXACT}
    assert list(found.values()) == [
        27.705475,
        10.596909,
        8.852079,
        7.979663,
        7.543456,
        18.998100,
        18.595447,
        18.394120,
        5.773459,
        4.028629,
        3.156214,
    ]


def test_the_row_that_does_not_follow_is_flagged_and_no_other() -> None:
    row = ledger("essneta-d")
    assert (row.params_paper_ledger, round(row.gmacs_paper_ledger, 6)) == (1312688, 19.803406)
    assert (row.params_published, row.gmacs_published) == (1291648, 19.025)
    flagged = [name for name in models.MODELS if (its := paper_ledger(name)) and its.published_mismatch]
    assert flagged == ["essneta-d"]


def test_ledger_of_shuffled_channels_is_that_of_groups() -> None:
    for name in models.MODELS:
        if name.endswith("s"):
            assert ledger(name).params_paper_ledger == ledger(name[:-1]).params_paper_ledger


def test_groups_divide_303104_weights() -> None:
    for family, divided in (("essnet", 303104), ("essnetb", 303104), ("essneta", 147456)):
        dense = ledger(f"{family}-d").params_paper_ledger
        for groups in (2, 4, 8):
            assert dense - ledger(f"{family}-dg{groups}").params_paper_ledger == divided - divided // groups


def test_networks_of_other_papers_have_no_row() -> None:
    assert paper_ledger("drn") is None
    assert paper_ledger("UNet") is None
    with pytest.raises(OptionError, match="no network 'essnet-dg3'"):
        paper_ledger("essnet-dg3")


def test_what_is_not_printed_is_not_claimed() -> None:
    row = ledger("essnet-dg8")
    assert (row.params_paper_ledger, row.params_published, row.gmacs_published) == (166096, None, None)
    assert not row.published_mismatch
