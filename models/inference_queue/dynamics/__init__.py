"""Slot after slot: what happens, who acts, what is seen, and the environments."""
