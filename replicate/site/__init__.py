"""The site: scorecard, papers, explanations and API as static pages, made from result files alone."""

from replicate.site.publish import build

__all__ = ["build"]
