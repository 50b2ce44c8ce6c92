"""Acceptance sampling: what looking at some images of a batch says of all of them. Pure arithmetic, and exact."""

from iddkit.qc.acceptance.bounds import upper_bound, upper_bound_when_stopped
from iddkit.qc.acceptance.curve import OperatingPoint, Risks, oc_curve, risks
from iddkit.qc.acceptance.decide import Decision, decide
from iddkit.qc.acceptance.hypergeometric import accept_probability, accept_probability_exact
from iddkit.qc.acceptance.outlook import Outlook, look_out
from iddkit.qc.acceptance.plans import KINDS, SEVERITIES, ResolvedPlan, SamplingPlan
from iddkit.qc.acceptance.rates import Rate, parse_rate, show_rate

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Decision",
    "OperatingPoint",
    "Outlook",
    "Rate",
    "ResolvedPlan",
    "Risks",
    "SamplingPlan",
    "accept_probability",
    "accept_probability_exact",
    "decide",
    "look_out",
    "oc_curve",
    "parse_rate",
    "risks",
    "show_rate",
    "upper_bound",
    "upper_bound_when_stopped",
]
