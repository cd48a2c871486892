"""Writes the presets and the key lists of the published LTX-Video variants.

    python -m open_models.ltx_keys        # in oracle/

A key list holds each tensor's name and shape, one a line; `{0..27}` stands for every number from 0
to 27. The original layout is checked with diffusers' own loader of single files: it must turn every
original name into the one that the model has.
"""

import re

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.loaders.single_file_utils import (
    convert_ltx_transformer_checkpoint_to_diffusers,
    convert_ltx_vae_checkpoint_to_diffusers,
)

from .common import CRATES, FIXTURES
from .ltx_variants import (
    TRANSFORMERS,
    VAES,
    build,
    original_transformer_name,
    original_vae_name,
    presets,
)

# Tensors of the original files that no model reads.
STATISTICS = ["channel", "mean-of-stds", "mean-of-stds_over_std-of-means"]


def collapse(keys: dict[str, tuple]) -> list[str]:
    """Lines of a key list: runs over the first number of a name become one line."""
    groups: dict[tuple, list[int]] = {}
    for name, shape in keys.items():
        number = re.search(r"\.(\d+)\.(?!.*upsamplers|.*downsamplers|.*linear)", name)
        if name.count(".resnets.") or name.count(".res_blocks."):
            number = re.search(r"\.(?:resnets|res_blocks)\.(\d+)\.", name)
        if number is None:
            groups[(name, "", shape)] = []
        else:
            start, end = number.span(1)
            groups.setdefault((name[:start], name[end:], shape), []).append(int(number.group(1)))
    lines = []
    for (before, after, shape), numbers in groups.items():
        runs: list[list[int]] = []
        for n in sorted(numbers):
            if runs and n == runs[-1][1] + 1:
                runs[-1][1] = n
            else:
                runs.append([n, n])
        sizes = " ".join(map(str, shape))
        for first, last in runs or [[None, None]]:
            middle = "" if first is None else str(first)
            if first != last:
                middle = f"{{{first}..{last}}}"
            lines.append(f"{before}{middle}{after} {sizes}".rstrip())
    return sorted(lines)


def shapes(model: torch.nn.Module) -> dict[str, tuple]:
    return {name: tuple(t.shape) for name, t in model.state_dict().items()}


def check(original: dict[str, tuple], expected: dict[str, tuple], convert):
    """`convert` is the public conversion of a checkpoint, from original names to diffusers'."""
    tensors = {name: torch.empty(shape, device="meta") for name, shape in original.items()}
    converted = {name: tuple(t.shape) for name, t in convert(tensors).items()}
    assert converted == expected, sorted(set(converted.items()) ^ set(expected.items()))[:5]


def main():
    folder = FIXTURES / "ltx/keys"
    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str, keys: dict[str, tuple]):
        (folder / f"{name}.txt").write_text("\n".join(collapse(keys)) + "\n")

    for name, config in TRANSFORMERS.items():
        keys = shapes(build(LTXVideoTransformer3DModel, config))
        original = {original_transformer_name(key): shape for key, shape in keys.items()}
        check(original, keys, convert_ltx_transformer_checkpoint_to_diffusers)
        write(f"{name}.diffusers", keys)
        write(f"{name}.original", original)
    for name, config in VAES.items():
        keys = shapes(build(AutoencoderKLLTXVideo, config))
        version = name.removeprefix("vae-")
        original = {original_vae_name(key, version): shape for key, shape in keys.items()}
        channels = keys["latents_mean"]
        original |= {f"vae.per_channel_statistics.{name}": channels for name in STATISTICS}
        check(original, keys, convert_ltx_vae_checkpoint_to_diffusers)
        write(f"{name}.diffusers", keys)
        write(f"{name}.original", original)
    out = CRATES / "models/src/ltx/presets"
    out.mkdir(parents=True, exist_ok=True)
    for name, text in presets().items():
        (out / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
