"""A decoder-only transformer, made of PyTorch's own blocks (their attention is ``scaled_dot_product_attention``)."""

import torch
from torch import Tensor, nn

_SPREAD, _AT_WIDTH = 0.02, 768  # GPT-2's standard deviation of start weights, and the width it is for


class LanguageModel(nn.Module):
    """Next-token logits: learned positions, pre-norm blocks, GELU, untied bias-free head.

    ``LanguageModel(50257, width=768, depth=12, heads=12, context=1024)`` has GPT-2 small's shape.

    Args:
        vocab_size: number of different tokens, V.
        width, depth, heads: of the blocks; the inner layer is four times as wide.
        context: most tokens in a row.
        generator: of start weights; None is torch's global one.
    """

    mask: Tensor

    def __init__(self, vocab_size: int, *, width: int, depth: int, heads: int, context: int, generator=None):
        super().__init__()
        self.vocab_size, self.context = vocab_size, context
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(context, width)
        block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, vocab_size, bias=False)
        mask = nn.Transformer.generate_square_subsequent_mask(context)
        self.register_buffer("mask", mask, persistent=False)
        self._start(generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits ``(B, T, V)`` of tokens ``(B, T)`` int64, T at most the context."""
        length = tokens.shape[1]
        if length > self.context:
            raise ValueError(f"{length} tokens in a row; this model reads at most {self.context}")
        x = self.tokens(tokens) + self.positions.weight[:length]
        return self.head(self.blocks(x, mask=self.mask[:length, :length], is_causal=True))

    def _start(self, generator: torch.Generator | None) -> None:
        """Draw matrices from N(0, 0.02 sqrt(768 / width)): GPT-2's at its width; biases are 0, norms 1."""
        spread = _SPREAD * (_AT_WIDTH / self.tokens.embedding_dim) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.ndim >= 2:
                nn.init.normal_(parameter, std=spread, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
