"""Batches of tokenised captions, as the Rust tokenizer writes them."""

import torch

from .config import TextConfig


class Captions:
    """Padded token tensors of a list of headers; `mask` marks the real words."""

    def __init__(self, words, ngrams, numbers, units, mask):
        self.words, self.ngrams, self.numbers = words, ngrams, numbers
        self.units, self.mask = units, mask

    @staticmethod
    def collate(headers: list[dict], config: TextConfig) -> "Captions":
        length = max(1, max(len(h["tokens"]) for h in headers))
        count = len(headers)
        words = torch.zeros(count, length, dtype=torch.long)
        ngrams = torch.zeros(count, length, config.ngrams_per_word, dtype=torch.long)
        numbers = torch.full((count, length), float("nan"))
        units = torch.zeros(count, length, dtype=torch.long)
        mask = torch.zeros(count, length, dtype=torch.bool)
        for i, header in enumerate(headers):
            m = len(header["tokens"])
            if m == 0:
                continue
            words[i, :m] = torch.tensor(header["tokens"])
            ngrams[i, :m] = torch.tensor(header["ngrams"])
            values = [float("nan") if v is None else v for v in header["numbers"]]
            numbers[i, :m] = torch.tensor(values)
            units[i, :m] = torch.tensor(header["units"])
            mask[i, :m] = True
        return Captions(words, ngrams, numbers, units, mask)

    def to(self, device) -> "Captions":
        parts = (self.words, self.ngrams, self.numbers, self.units, self.mask)
        return Captions(*(part.to(device) for part in parts))

    def arguments(self):
        return self.words, self.ngrams, self.numbers, self.units, self.mask


def empty(count: int) -> list[dict]:
    """Headers of `count` empty prompts: what guidance steers away from by default."""
    return [{"tokens": [], "ngrams": [], "numbers": [], "units": []} for _ in range(count)]
