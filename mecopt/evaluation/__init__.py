"""Papers run again: what was measured, what a paper claims of it, and what can be told.

`measurements` holds every figure in one long table; `figures` selects from it, a number per seed or a curve per seed;
`rules` compare such figures by confidence intervals of paired differences; a `Claim` is a sentence of a paper with the rules
that read it; `tables` and `pictures` show the same selections. A `Study` brings streams, plans and methods together and is
run by one runner, which trains and measures side by side and goes on where it was interrupted.

Nothing here knows a paper: a paper's folder holds its study as data.
"""
