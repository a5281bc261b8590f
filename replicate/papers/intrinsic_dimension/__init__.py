"""Measuring the Intrinsic Dimension of Objective Landscapes (Li et al. 2018)."""
