"""Import of past activity from a CSV file, so that the weeks before the project can be rebuilt: `import_log`.

The columns are ``frame, person, action, time, minutes`` and, where there is something to say, ``batch, verdict, reason,
shapes``. Each row is replayed, in the order of time, through the functions that the queue has for live work: what the
table of moves does not allow is refused here, too, row by row.
"""

from iddkit.qc.worklog.importing import ImportReport, import_log
from iddkit.qc.worklog.rows import Doing, Row, read_log

__all__ = ["Doing", "ImportReport", "Row", "import_log", "read_log"]
