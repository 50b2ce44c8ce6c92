"""Runs: what trainings told, the published figures beside them, and what they say of a split."""

from iddkit.runs.record import Epoch, FrameScore, LayerTime, Leakage, NearDuplicate, Run, Speed, SplitFacts

__all__ = ["Epoch", "FrameScore", "LayerTime", "Leakage", "NearDuplicate", "Run", "Speed", "SplitFacts"]
