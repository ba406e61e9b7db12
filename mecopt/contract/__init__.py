"""What everything else rests on: problems, decisions, allocations, solutions with certificates; backends and solvers."""
