"""Thin adapters to solvers: the decision fixed (SLSQP, conic), or open (SCIP, HiGHS)."""
