"""The review of annotations by people: four stages, a log that is only added to, and what a sample proves."""
