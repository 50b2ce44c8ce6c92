"""What a machine can say of an annotation, before a person looks at it.

::

    finding, settings             the values
    crossings, rings, gaps        what is measured
    view                          a frame as the rules see it
    shapes, names, overlaps, scene       rules of objects and frames
    traits > dataset              rules of frames and drives beside the others
    rules                         all of them by name
    frame > run                   the work
    baseline, mend                what is done with findings

>>> from iddkit.checks import RULES, check
>>> RULES["spike"].severity
<Severity.MINOR: 'minor'>
"""

from iddkit.checks.finding import Finding, Gap, Mend
from iddkit.checks.frame import Checked, Checking, check_reading
from iddkit.checks.gaps import find_gaps
from iddkit.checks.rules import RULES, Rule, Scope, choose_rules
from iddkit.checks.run import Report, check
from iddkit.checks.settings import Settings, load_settings
from iddkit.checks.view import View

__all__ = [
    "RULES",
    "Checked",
    "Checking",
    "Finding",
    "Gap",
    "Mend",
    "Report",
    "Rule",
    "Scope",
    "Settings",
    "View",
    "check",
    "check_reading",
    "choose_rules",
    "find_gaps",
    "load_settings",
]
