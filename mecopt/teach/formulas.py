"""LaTeX as MathML, which browsers draw, screen readers read, and nothing has to be loaded for."""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree

from latex2mathml.converter import convert

from mecopt.contract.errors import InstanceError

_MATHML = "http://www.w3.org/1998/Math/MathML"

# What the converter does not know, and what stands for the same.
_SPELT = {r"{aligned}": "{align*}", r"\arg\min": r"\operatorname{argmin}", r"\arg\max": r"\operatorname{argmax}"}

_SIGNS = {r"\{": "{", r"\}": "}", r"\|": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉"}
"""Brackets that it leaves as they are written, where they are made larger."""

_LIMITED = ("min", "max", "inf", "sup", "lim", "argmin", "argmax")
"""Operators below which stands what they range over."""


@cache
def mathml(formula: str) -> str:
    """Return a displayed formula; LaTeX that the converter does not know is refused, since it would stand there as it is."""
    spelt = " ".join(formula.replace("\\\n", "\\ ").split())
    for one, other in _SPELT.items():
        spelt = spelt.replace(one, other)
    tree = ElementTree.fromstring(convert(spelt, display="block"))
    for node in tree.iter():
        node.text = _SIGNS.get(node.text or "", node.text)
        if "\\" in (node.text or "") or node.text == "&":
            raise InstanceError(f"no MathML for {node.text!r} in the formula {spelt!r}")
        if node.tag == f"{{{_MATHML}}}msub" and node[0].text in _LIMITED:
            node.tag = f"{{{_MATHML}}}munder"
    ElementTree.register_namespace("", _MATHML)
    return ElementTree.tostring(tree, encoding="unicode")
