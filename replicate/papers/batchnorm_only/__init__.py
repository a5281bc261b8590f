"""Training BatchNorm and only BatchNorm (Frankle, Schwab, Morcos 2021): random features, scaled and shifted."""
