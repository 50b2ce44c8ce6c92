"""All reads of the review: what was done, what waits, and what it shows."""
