"""Proposers and warm starters, installed as `mecopt.learners`: they propose decisions, a solver answers them."""

if __name__ != "mecopt.learners":
    raise ImportError(f"this package is installed as `mecopt.learners`; import it by that name, not as `{__name__}`")
