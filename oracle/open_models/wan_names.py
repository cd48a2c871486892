"""Names of Wan's weights: from the layout of diffusers to that of the original repository.

Only the way back is in diffusers; `check` walks it and must arrive where it started.
"""

import re

from diffusers.loaders.single_file_utils import (
    convert_wan_transformer_to_diffusers,
    convert_wan_vae_to_diffusers,
)

TRANSFORMER = [
    (r"^condition_embedder\.time_embedder\.linear_1\.", "time_embedding.0."),
    (r"^condition_embedder\.time_embedder\.linear_2\.", "time_embedding.2."),
    (r"^condition_embedder\.time_proj\.", "time_projection.1."),
    (r"^condition_embedder\.text_embedder\.linear_1\.", "text_embedding.0."),
    (r"^condition_embedder\.text_embedder\.linear_2\.", "text_embedding.2."),
    (r"^proj_out\.", "head.head."),
    (r"^scale_shift_table$", "head.modulation"),
    (r"\.scale_shift_table$", ".modulation"),
    (r"\.attn1\.", ".self_attn."),
    (r"\.attn2\.", ".cross_attn."),
    (r"\.to_out\.0\.", ".o."),
    (r"\.to_([qkv])\.", r".\1."),
    (r"\.ffn\.net\.0\.proj\.", ".ffn.0."),
    (r"\.ffn\.net\.2\.", ".ffn.2."),
    (r"^(blocks\.\d+)\.norm2\.", r"\1.norm3."),
]

VAE = [
    (r"^quant_conv\.", "conv1."),
    (r"^post_quant_conv\.", "conv2."),
    (r"^(\w+)\.conv_in\.", r"\1.conv1."),
    (r"^(\w+)\.norm_out\.", r"\1.head.0."),
    (r"^(\w+)\.conv_out\.", r"\1.head.2."),
    (r"\.mid_block\.resnets\.0\.", ".middle.0."),
    (r"\.mid_block\.attentions\.0\.", ".middle.1."),
    (r"\.mid_block\.resnets\.1\.", ".middle.2."),
    (r"\.norm1\.gamma$", ".residual.0.gamma"),
    (r"\.conv1\.(?=\w+$)(?<!encoder\.conv1\.)(?<!decoder\.conv1\.)", ".residual.2."),
    (r"\.norm2\.gamma$", ".residual.3.gamma"),
    (r"\.conv2\.(?=\w+$)", ".residual.6."),
    (r"\.conv_shortcut\.", ".shortcut."),
]


def rename(name: str, rules: list[tuple[str, str]]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def original_transformer(name: str) -> str:
    return rename(name, TRANSFORMER)


def original_vae(name: str, config) -> str:
    """2.1 counts the blocks of all decoder levels through; 2.2 counts them in each level."""
    blocks = config["num_res_blocks"]
    name = rename(name, VAE)

    def place(level: str, block: int) -> str:
        if config["is_residual"]:
            return f"decoder.upsamples.{level}.upsamples.{block}"
        return f"decoder.upsamples.{int(level) * (blocks + 2) + block}"

    name = re.sub(
        r"^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: place(m[1], int(m[2])), name
    )
    name = re.sub(
        r"^decoder\.up_blocks\.(\d+)\.(?:upsamplers\.0|upsampler)",
        lambda m: place(m[1], blocks + 1),
        name,
    )
    name = re.sub(
        r"^encoder\.down_blocks\.(\d+)\.resnets\.", r"encoder.downsamples.\1.downsamples.", name
    )
    name = re.sub(
        r"^encoder\.down_blocks\.(\d+)\.downsampler\.",
        rf"encoder.downsamples.\1.downsamples.{blocks}.",
        name,
    )
    return re.sub(r"^encoder\.down_blocks\.", "encoder.downsamples.", name)


def check(names: dict[str, str], vae: bool):
    """Diffusers' own converter must undo the map (it knows 2.1's VAE with two blocks a level)."""
    convert = convert_wan_vae_to_diffusers if vae else convert_wan_transformer_to_diffusers
    back = convert({original: name for name, original in names.items()})
    assert len(set(names.values())) == len(names), "two tensors of one name"
    wrong = {name: new for new, name in back.items() if new != name}
    assert not wrong, wrong
