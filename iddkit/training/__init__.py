"""Training of the baseline networks, and what is done with trained ones."""
