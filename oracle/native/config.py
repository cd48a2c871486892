"""The configuration that the Rust model reads, as typed Python."""

import json
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = Path(__file__).resolve().parents[2] / "crates/engine/weights/kinora-1"


@dataclass(frozen=True)
class CodecConfig:
    latent_channels: int
    encoder_channels: list[int]
    encoder_blocks: list[int]
    decoder_channels: list[int]
    decoder_blocks: list[int]
    patch_frames: int
    patch_size: int


@dataclass(frozen=True)
class TextConfig:
    hidden_size: int
    num_layers: int
    head_dim: int
    vocab_size: int
    num_ngrams: int
    ngrams_per_word: int
    num_units: int
    max_tokens: int
    slots: list[dict]

    @property
    def slot_classes(self) -> list[int]:
        """Number of classes of each slot, class 0 (not said) included."""
        return [1 + len(slot["values"]) for slot in self.slots]


@dataclass(frozen=True)
class TransformerConfig:
    hidden_size: int
    num_layers: int
    head_dim: int
    ffn_size: int
    patch_size: int
    fps: int
    patch_reach: int = 0


@dataclass(frozen=True)
class Config:
    name: str
    codec: CodecConfig
    text: TextConfig
    transformer: TransformerConfig

    @staticmethod
    def load(path: Path = WEIGHTS / "config.json") -> "Config":
        raw = json.loads(Path(path).read_text())
        return Config(
            name=raw["name"],
            codec=CodecConfig(**raw["codec"]),
            text=TextConfig(**raw["text"]),
            transformer=TransformerConfig(**raw["transformer"]),
        )
