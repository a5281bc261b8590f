"""Shallow networks with bandlimited random weights: Li, Sonoda, Cao, Wang and Liang (2023), arXiv 2008.08427."""
