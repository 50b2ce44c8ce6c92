"""Comparing a certificate with the log that it says it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from iddkit.errors import printable, shown
from iddkit.qc.progress.certificate import read_certificate
from iddkit.qc.progress.rounds import Certificate, Round
from iddkit.qc.state import Batch
from iddkit.qc.store.tables import batches, events


def compare_certificate(
    connection: Connection, certificate: Certificate, stages: Mapping[str, str] | None = None
) -> list[str]:
    """Make a certificate anew from the log, as far as it went then; return what differs.

    Parameters
    ----------
    connection
        Of the project.
    certificate
        As somebody shows it.
    stages
        Where frames stood after the last event that the certificate knows, by key; where they stand now, if None.

    Returns
    -------
    list of str
        Samples that are left out, that the log does not have, and values that are not the log's.
    """
    seq = certificate.log_events
    if connection.execute(select(events.c.seq).where(events.c.seq == seq)).first() is None:
        return [f"the log has no event {shown(seq)}"]
    row = connection.execute(select(batches).where(batches.c.name == certificate.batch)).first()
    if row is None:
        return ["the log knows no such batch"]
    made = read_certificate(connection, Batch(*row), until=seq, stages=stages, form=certificate.format)
    said, known = _by_seal(certificate.rounds), _by_seal(made.rounds)
    problems = [f"leaves out the sample of {_name(known[number])}" for number in sorted(known.keys() - said.keys())]
    problems += [
        f"has a sample of {_name(said[number])} that the log does not have"
        for number in sorted(said.keys() - known.keys())
    ]
    if len(said) < len(certificate.rounds):
        problems.append("has a sample twice")
    for number in sorted(said.keys() & known.keys()):
        where = f"the sample of {_name(known[number])}"
        problems += [f"{where}: {problem}" for problem in _differences(_plain(said[number]), _plain(known[number]))]
    one, other = _plain(certificate), _plain(made)
    del one["rounds"], other["rounds"]
    return problems + list(_differences(one, other))


def _by_seal(rounds: tuple[Round, ...]) -> dict[int, Round]:
    return {one.drawn_seq: one for one in rounds}


def _name(one: Round) -> str:
    return f"round {shown(one.round)} ({printable(one.stage, 20)}, event {shown(one.drawn_seq)})"


def _plain(value: Certificate | Round) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(value)
    return content


def _differences(said: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    for name in known:
        one, other = said[name], known[name]
        if one == other:
            continue
        what = name.replace("_", " ")
        if isinstance(other, tuple | dict):
            yield f"{what}: {_difference(one, other)}"
        else:
            yield f"{what} is {shown(one)}, and {shown(other)} by the log"


def _difference(said: Any, known: Any) -> str:
    if isinstance(known, dict):
        return "not as in the log"
    if len(said) != len(known):
        return f"{len(said)} entries, and {len(known)} by the log"
    places = [place for place, (one, other) in enumerate(zip(said, known, strict=True), start=1) if one != other]
    some = ", ".join(map(str, places[:5]))
    return f"not as in the log (entr{'ies' if len(places) > 1 else 'y'} {some}{' ...' if len(places) > 5 else ''})"
