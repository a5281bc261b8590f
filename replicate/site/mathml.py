"""A Sphinx extension: formulas as MathML, which every current browser draws itself, without scripts or fonts."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, object]:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node) -> None:
    translator.body.append(f'<span class="formula-inline">{mathml(node.astext(), display="inline")}</span>')
    raise nodes.SkipNode


def _block(translator, node) -> None:
    translator.body.append(f'<div class="formula">{mathml(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def mathml(latex: str, *, display: str) -> str:
    """Return a formula, given as LaTeX, as a MathML element; ``display`` is ``inline`` or ``block``."""
    return convert(latex, display=display)
