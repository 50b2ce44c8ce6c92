"""The database of the review: the log of events, the rows computed from it, and the files that were handed in."""
