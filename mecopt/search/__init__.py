"""Searches over decisions: exact ones with their proof, and the heuristics that papers compare against."""
