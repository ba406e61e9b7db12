"""What a reader sees of an answer, an instance or a model: a page of lines and tables, as text, and as HTML in notebooks.

Every object says itself in three lengths: its repr is a line, its str a page that fits a screen, whatever the size of the
data, and a method gives the rest on request (`Problem.table`, `Solution.table`).
"""
