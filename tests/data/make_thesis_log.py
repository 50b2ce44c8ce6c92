"""Make a log of the four weeks of Mishra 2024, tables 3.1 and 3.2: ``python -m tests.data.make_thesis_log OUT.csv``.

The tables print sums; who did what when is made up so that it gives them:

======================  ============  ============  ============  ============
week of 2019            17 - 23 July  24 - 30 July  31.7. - 6.8.  7 - 13 Aug
======================  ============  ============  ============  ============
new frames handed in    1661          30            0             17
repairs handed in       0             594           29            26
failed at QC1           594           35            20            0
passed QC2              0             2137          1972          1401
======================  ============  ============  ============  ============

QC2 passes more images than were annotated in these weeks, so 3802 frames of the batch ``2019-06b`` were handed in and
passed QC1 before the first of them, and wait. QC3's 231 images in the last week are a fifth of the 1155 frames of the
batch ``2019-06a``, which was frozen in June. The sample is not concluded in these weeks: the tables have no remark.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

#: Rows of the two tables as they are printed, the newest first; there is no first week in the second.
TABLE_1 = (
    ("07 Aug - 13 Aug 2019", 43, 43, 35, 210),
    ("31 July - 06 Aug 2019", 29, 9, 20, 273),
    ("24 July - 30 July 2019", 624, 589, 741, 174),
    ("17 July - 23 July 2019", 1661, 1067, 1568, 26),
)
TABLE_2 = (
    ("07 Aug - 13 Aug 2019", 43, 1401, 231, "-"),
    ("31 July - 06 Aug 2019", 9, 1972, "-", "-"),
    ("24 July - 30 July 2019", 589, 2137, "-", "-"),
)

WEDNESDAYS = (date(2019, 7, 17), date(2019, 7, 24), date(2019, 7, 31), date(2019, 8, 7))
FAILED = (594, 35, 20, 0)
NEW = (1661, 30, 0, 17)
WAITING, SAMPLED = 3802, 1155
REASONS = ("wrong-label", "missing-object", "boundary", "gap; boundary", "a sign was forgotten", "")

# Hours that belong to no frame, in minutes.
LECTURE, MEETING = 480, 150

Cells = tuple[str, str, str, datetime, int, str, str]


@dataclass
class Log:
    """Rows as they come: frame, person, action, time, seconds, batch, reason."""

    rows: list[Cells] = field(default_factory=list)
    frames: list[tuple[str, str, str]] = field(default_factory=list)  # frame, batch, author
    peers: dict[str, str] = field(default_factory=dict)

    def add_frames(self, count: int, batch: str) -> list[int]:
        """Make frames, and return their places."""
        first = len(self.frames)
        for place in range(first, first + count):
            author, peer = place % 25, (place + 1 + place // 25 % 24) % 25
            key = f"train/{100 + place // 30}/frame{place:05}"
            self.frames.append((key, batch, f"annotator {author + 1:02}"))
            self.peers[key] = f"annotator {peer + 1:02}"
        return list(range(first, first + count))

    def hand_in(self, places: Sequence[int], day: date, days: int, seconds: Sequence[int]) -> None:
        """Have frames handed in by their authors, evenly over some days."""
        for i, place in enumerate(places):
            key, batch, author = self.frames[place]
            when = clock(day, days, i, len(places))
            self.rows.append((key, author, "Submit", when, seconds[i], batch, ""))

    def review(self, places: Sequence[int], stage: str, day: date, days: int, seconds: Sequence[int]) -> None:
        """Have frames pass QC2 or QC3."""
        team = {"QC2": "supervisor", "QC3": "researcher"}[stage]
        for i, place in enumerate(places):
            person = f"{team} {place % 3 + 1}"
            when = clock(day, days, i, len(places))
            self.rows.append((self.frames[place][0], person, f"{stage} passed", when, seconds[i], "", ""))

    def review_by_peers(
        self, places: Sequence[int], failed: int, day: date, days: int, seconds: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Have frames looked at by their peers; return those that passed and those that failed."""
        passed: list[int] = []
        bad: list[int] = []
        for i, place in enumerate(places):
            fails = (i + 1) * failed // len(places) > i * failed // len(places)
            (bad if fails else passed).append(place)
            key = self.frames[place][0]
            reason = REASONS[i % len(REASONS)] if fails else ""
            action = "qc1-fail" if fails else "qc1-pass"
            self.rows.append((key, self.peers[key], action, clock(day, days, i, len(places)), seconds[i], "", reason))
        return passed, bad


def clock(day: date, days: int, i: int, count: int) -> datetime:
    """Return the time of the i-th of so many things that are done between 9 and 18 o'clock of some days."""
    whole, rest = divmod(i * days, count)
    return datetime.combine(day, time(9)) + timedelta(days=whole, seconds=rest * 9 * 3600 // count)


def spread(hours: int, count: int, minutes: int = 0) -> list[int]:
    """Return seconds that add up to some hours less some minutes."""
    total = hours * 3600 - minutes * 60
    return [(i + 1) * total // count - i * total // count for i in range(count)]


def make_log() -> list[Cells]:
    """Return the rows, in the order of time."""
    log = Log()
    # Before the tables begin.
    june = log.add_frames(SAMPLED, "2019-06a")
    log.hand_in(june, date(2019, 6, 5), 5, spread(1100, SAMPLED))
    log.review_by_peers(june, 0, date(2019, 6, 6), 5, spread(20, SAMPLED))
    log.review(june, "QC2", date(2019, 6, 12), 5, spread(100, SAMPLED))
    log.rows.append(("", "researcher 1", "freeze", datetime(2019, 6, 19, 10), 0, "2019-06a", ""))
    log.rows.append(("", "researcher 1", "sample", datetime(2019, 6, 19, 11), 0, "2019-06a", ""))
    waiting = log.add_frames(WAITING, "2019-06b")
    log.hand_in(waiting, date(2019, 6, 19), 20, spread(3600, WAITING))
    log.review_by_peers(waiting, 0, date(2019, 6, 20), 20, spread(60, WAITING))
    # The four weeks.
    repairs: list[int] = []
    for week, wednesday in enumerate(WEDNESDAYS):
        _, raw, _, annotation_hours, qc_hours = TABLE_1[-1 - week]
        past_qc2, past_qc3 = (0, 0) if week == 0 else (int(TABLE_2[-week][2]), (0, 0, 231)[week - 1])
        repaired, repairs = repairs[: raw - NEW[week]], repairs[raw - NEW[week] :]
        handed_in = repaired + log.add_frames(NEW[week], "2019-07")
        assert len(handed_in) == raw
        log.hand_in(handed_in, wednesday, 5, spread(annotation_hours, raw, LECTURE if week == 0 else 0))
        times = spread(qc_hours, raw + past_qc2 + past_qc3, MEETING if week == 3 else 0)
        next_day = wednesday + timedelta(days=1)
        passed, failed = log.review_by_peers(handed_in, FAILED[week], next_day, 5, times[:raw])
        waiting += passed
        repairs += failed
        looked_at, waiting = waiting[:past_qc2], waiting[past_qc2:]
        log.review(looked_at, "QC2", next_day, 6, times[raw : raw + past_qc2])
        log.review(june[::5][:past_qc3], "QC3", wednesday, 6, times[raw + past_qc2 :])
    assert not waiting
    lecture, meeting = datetime(2019, 7, 17, 8), datetime(2019, 8, 12, 18, 30)
    log.rows.append(("", "annotator 01", "hours annotation", lecture, LECTURE * 60, "", ""))
    log.rows.append(("", "supervisor 1", "hours QC", meeting, MEETING * 60, "", ""))
    return sorted(log.rows, key=lambda row: row[3])


def write_log(path: Path) -> None:
    """Write the log as a CSV file: times as the office's clock showed them, minutes with three decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Frame", "Person", "Action", "Time", "Minutes", "Batch", "Reason"))
        for frame, person, action, when, seconds, batch, reason in make_log():
            writer.writerow((frame, person, action, when.isoformat(" "), f"{seconds / 60:.3f}", batch, reason))


if __name__ == "__main__":
    write_log(Path(sys.argv[1]))
