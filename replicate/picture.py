"""The scorecard as a picture: a row a paper, a tile a claim, in the order of the paper."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from replicate import palette
from replicate.verdicts import Outcome

TILE, PER_ROW, LEFT, LINE = 18, 20, 260, 22  # pixels, but for the tiles in a row
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e }
.sign { font-size: 12px; text-anchor: middle; font-weight: 700 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .small { fill: #9198a1 } }
</style>"""


def svg(claims: pd.DataFrame) -> str:
    """Return the picture as SVG text, readable on light and on dark ground.

    Args:
        claims: all claims, with ``paper``, ``claim``, ``statement`` and ``verdict``.
    """
    parts, top = [], 10
    for slug, own in claims.groupby("paper", sort=False):
        parts.append(f'<text x="0" y="{top + 13}">{escape(slug)}</text>')
        parts.append(f'<text x="{LEFT - 14}" y="{top + 13}" class="small" text-anchor="end">{len(own)} claims</text>')
        parts += [_tile(row, *_place(i, top)) for i, row in enumerate(own.to_dict("records"))]
        top = _place(len(own) - 1, top)[1] + TILE + 12
    parts += _legend(claims["verdict"], top + 4)
    width, height = LEFT + PER_ROW * LINE, top + 4 + TILE + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join([f'{head} role="img">', "<title>Scorecard</title>", STYLE, *parts, "</svg>"]) + "\n"


def _place(index: int, top: int) -> tuple[int, int]:
    return LEFT + index % PER_ROW * LINE, top + index // PER_ROW * LINE


def _tile(row: dict[str, object], x: int, y: int) -> str:
    title = (
        f"<title>{escape(str(row['claim']))}: {escape(str(row['verdict']))}. {escape(str(row['statement']))}</title>"
    )
    return f"<g>{title}{_box(str(row['verdict']), x, y)}</g>"


def _box(verdict: str, x: int, y: int) -> str:
    look = palette.look(verdict)
    rect = f'<rect x="{x}" y="{y}" width="{TILE}" height="{TILE}" rx="3" fill="{look.fill}"/>'
    return f'{rect}<text x="{x + TILE / 2}" y="{y + 13}" class="sign" style="fill:{look.text}">{look.sign}</text>'


def _legend(verdicts: Iterable[str], y: int) -> list[str]:
    counts = pd.Series(list(verdicts), dtype=str).value_counts()
    parts, x = [], 0
    for outcome in Outcome:
        words = f"{counts.get(str(outcome), 0)} {outcome}"
        parts.append(f'{_box(outcome, x, y)}<text x="{x + TILE + 6}" y="{y + 13}">{words}</text>')
        x += TILE + 24 + 7 * len(words)
    return parts
