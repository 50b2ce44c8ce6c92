"""All writes of the review: each function takes the open transaction first, and either appends events or refuses.

>>> from iddkit.qc import queue
>>> from iddkit.qc.store.database import open_store
>>> with open_store("qc.db").writing() as work:                 # doctest: +SKIP
...     task = queue.take_next(work, queue.find_person(work, "asha"))
"""

from iddkit.qc.queue.activity import beat, note_rest, take_seconds
from iddkit.qc.queue.assignment import assign_peer, give, hand_over, note_holder
from iddkit.qc.queue.batches import Conclusion, conclude, draw_sample, freeze
from iddkit.qc.queue.claims import Task, claim, look_ahead, release, take_next, take_several
from iddkit.qc.queue.frames import Added, add_batch, add_frames, drop, find_batch, find_frame, restore
from iddkit.qc.queue.handin import HandIn, Outcome, read_handin, submit, take_in
from iddkit.qc.queue.people import add_person, change_person, find_person, set_absence
from iddkit.qc.queue.plants import Copy, plant
from iddkit.qc.queue.project import change_project, start_project
from iddkit.qc.queue.reviews import review, told_frame
from iddkit.qc.queue.rules import require_step

__all__ = [
    "Added",
    "Conclusion",
    "Copy",
    "HandIn",
    "Outcome",
    "Task",
    "add_batch",
    "add_frames",
    "add_person",
    "assign_peer",
    "beat",
    "change_person",
    "change_project",
    "claim",
    "conclude",
    "draw_sample",
    "drop",
    "find_batch",
    "find_frame",
    "find_person",
    "freeze",
    "give",
    "hand_over",
    "look_ahead",
    "note_holder",
    "note_rest",
    "plant",
    "read_handin",
    "release",
    "require_step",
    "restore",
    "review",
    "set_absence",
    "start_project",
    "submit",
    "take_in",
    "take_next",
    "take_seconds",
    "take_several",
    "told_frame",
]
