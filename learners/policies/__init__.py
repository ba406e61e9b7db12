"""Trained policies that ship: a folder each, of a card and weights; README.md says how they were made."""
