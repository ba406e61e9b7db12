"""The lesson: its steps, and the numeric checks of each."""
