"""Flexible aggregation of conditional quantile models: Fakoor et al. (2023), arXiv 2103.00083."""
