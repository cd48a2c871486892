"""The text encoder: words, character n-grams and numbers to states, and a head that reads slots.

A slot is one thing a caption can say (setting, colour, camera move, ...); class 0 of every slot is
"not said". The slots' expected class embeddings sum to the pooled vector that steers the
transformer's modulation, so a parsed attribute reaches every token directly.

Dimension key: b captions, m words, d hidden size, s slots, c classes of all slots together.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .config import TextConfig
from .layers import Linear, RmsNorm, SwiGlu, frequencies, heads, rotate

NUMBER_FEATURES = 16


def number_features(value: torch.Tensor) -> torch.Tensor:
    """Values [b, m] (NaN for none) -> [b, m, 17]: a flag and sines of log(1 + |value|)."""
    present = ~value.isnan()
    level = torch.log1p(value.nan_to_num(0.0).abs())  # 0 to about 6
    angles = level.unsqueeze(-1) * frequencies(12.0, 0.25, NUMBER_FEATURES // 2).to(level)
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
    return torch.cat([torch.ones_like(waves[..., :1]), waves], dim=-1) * present.unsqueeze(-1)


class TextBlock(nn.Module):
    def __init__(self, config: TextConfig):
        super().__init__()
        d = config.hidden_size
        self.head_dim = config.head_dim
        self.norm1 = RmsNorm(d)
        self.qkv = Linear(d, 3 * d, bias=False)
        self.out = Linear(d, d, bias=False)
        self.norm2 = RmsNorm(d)
        self.ffn = SwiGlu(d, 2 * d)

    def forward(self, x, cos, sin, mask):
        q, k, v = (heads(y, self.head_dim) for y in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.ffn(self.norm2(x))


class TextEncoder(nn.Module):
    """Class 0 of every slot means "not said"."""

    def __init__(self, config: TextConfig):
        super().__init__()
        d = config.hidden_size
        self.config = config
        self.slots = slots = config.slot_classes
        self.words = nn.Embedding(config.vocab_size, d)
        self.ngrams = nn.Embedding(config.num_ngrams, d)
        self.units = nn.Embedding(config.num_units, d)
        self.number = Linear(NUMBER_FEATURES + 1, d, bias=False)
        self.blocks = nn.ModuleList(TextBlock(config) for _ in range(config.num_layers))
        self.norm = RmsNorm(d)
        self.slot_query = nn.Parameter(torch.randn(len(slots), d) * d**-0.5)
        self.slot_key = Linear(d, d, bias=False)
        self.slot_absent = nn.Parameter(torch.zeros(len(slots), d))
        self.classes = nn.Parameter(torch.randn(sum(slots), d) * d**-0.5)
        for table in (self.words, self.ngrams, self.units):
            nn.init.normal_(table.weight, std=0.5)

    def embed(self, words, ngrams, numbers, units):
        """Ids [b, m], [b, m, 8] (0 pads), values [b, m], units [b, m] -> [b, m, d]."""
        used = ngrams.ne(0).unsqueeze(-1)
        grams = (self.ngrams(ngrams) * used).sum(2) / used.sum(2).clamp(min=1)
        number = self.number(number_features(numbers)) + self.units(units)
        return self.words(words) + grams + number

    def forward(self, words, ngrams, numbers, units, mask):
        """Returns states [b, m, d] and slot logits: a list of [b, classes]. `mask` [b, m] bool."""
        x = self.embed(words, ngrams, numbers, units)
        position = torch.arange(words.shape[1], device=words.device).double()
        angles = position[:, None] * frequencies(1000.0, 6.0, self.config.head_dim // 2).to(position)
        cos, sin = angles.cos().float(), angles.sin().float()
        keys = mask[:, None, None, :] | ~mask.any(1)[:, None, None, None]
        for block in self.blocks:
            x = block(x, cos, sin, keys)
        states = self.norm(x)
        return states, self.read_slots(states, mask)

    def read_slots(self, states, mask):
        """Each slot looks at the words with a query of its own, or at nothing."""
        scores = self.slot_query @ self.slot_key(states).transpose(1, 2)  # [b, s, m]
        scores = scores.masked_fill(~mask[:, None, :], float("-inf"))
        scores = F.pad(scores, (1, 0))  # score 0: the slot's own "absent" vector
        weight = scores.softmax(-1)
        pooled = weight[..., 1:] @ states + weight[..., :1] * self.slot_absent  # [b, s, d]
        logits, start = [], 0
        for index, count in enumerate(self.slots):
            logits.append(pooled[:, index] @ self.classes[start : start + count].T)
            start += count
        return logits

    @staticmethod
    def belief(logits) -> torch.Tensor:
        """Slot logits -> class probabilities of all slots side by side [b, c]."""
        return torch.cat([x.softmax(-1) for x in logits], dim=-1)
