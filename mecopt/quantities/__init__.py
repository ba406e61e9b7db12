"""Numbers as the field writes them: spellings of units, decibels, and every kind of array that a user may hold."""
