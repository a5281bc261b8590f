"""Even your teacher needs guidance: self-distillation with ground-truth targets (Borup, Andersen, NeurIPS 2021)."""
