"""Pictures and tables for people: overlays of one frame, contact sheets of several."""
