"""Flexible parametric survival regression: Burke, Jones and Noufaily (2020), arXiv 1901.03212."""
