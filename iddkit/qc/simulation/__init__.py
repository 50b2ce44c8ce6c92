"""A project that never was: people with their habits, frames with planted defects, weeks of work in seconds.

Everything goes through the queue as real work does, by a clock of its own; what is known besides, and nowhere in the
database, is the truth: which defects each file has. So one can see what the review found, and whether a certificate
said the truth.

::

    drawing     what the frames show, how it is annotated, and what can be wrong with it
    team        people: their speed, care, eyes, working hours and absences
    truth       which defects each frame's latest file has, which were planted, and who found them
    desk        what a person does with a frame: drawing, mending, judging
    office      what is done to batches and people, and what goes wrong
    outcome     the truth beside what the review says
    run         simulate, write_demo: all that in the order of the clock
"""

from iddkit.qc.simulation.outcome import BatchTruth, Planted, Simulated
from iddkit.qc.simulation.run import simulate, write_demo

__all__ = ["BatchTruth", "Planted", "Simulated", "simulate", "write_demo"]
