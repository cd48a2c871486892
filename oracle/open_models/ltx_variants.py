"""The published LTX-Video variants: what diffusers' `scripts/convert_ltx_to_diffusers.py` writes for
each, and the names that the original single files use.

The configurations become the presets of the Rust crate; the names become its key lists.
"""

import torch
from diffusers import AutoencoderKLLTXVideo, FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel

TRANSFORMERS = {
    "transformer-2b": dict(
        num_attention_heads=32,
        attention_head_dim=64,
        cross_attention_dim=2048,
        num_layers=28,
    ),
    "transformer-13b": dict(
        num_attention_heads=32,
        attention_head_dim=128,
        cross_attention_dim=4096,
        num_layers=48,
    ),
}

OLD_ENCODER = dict(
    block_out_channels=(128, 256, 512, 512),
    down_block_types=("LTXVideoDownBlock3D",) * 4,
    layers_per_block=(4, 3, 3, 3, 4),
    spatio_temporal_scaling=(True, True, True, False),
    downsample_type=("conv",) * 4,
)
NEW_DECODER = dict(
    decoder_block_out_channels=(256, 512, 1024),
    decoder_spatio_temporal_scaling=(True, True, True),
    upsample_residual=(True, True, True),
    upsample_factor=(2, 2, 2),
    timestep_conditioning=True,
)
VAES = {
    "vae-0.9.0": dict(
        **OLD_ENCODER,
        decoder_block_out_channels=(128, 256, 512, 512),
        decoder_layers_per_block=(4, 3, 3, 3, 4),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=False,
    ),
    "vae-0.9.1": dict(
        **OLD_ENCODER,
        **NEW_DECODER,
        decoder_layers_per_block=(5, 6, 7, 8),
        decoder_inject_noise=(True, True, True, False),
    ),
    "vae-0.9.5": dict(
        block_out_channels=(128, 256, 512, 1024, 2048),
        down_block_types=("LTXVideo095DownBlock3D",) * 4,
        layers_per_block=(4, 6, 6, 2, 2),
        spatio_temporal_scaling=(True,) * 4,
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        **NEW_DECODER,
        decoder_layers_per_block=(5, 5, 5, 5),
        decoder_inject_noise=(False,) * 4,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    ),
}

SCHEDULERS = {
    "scheduler-0.9.0": dict(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    ),
    "scheduler-0.9.5": dict(use_dynamic_shifting=False),
}


def build(cls, config: dict):
    """A model of this shape without memory for its weights."""
    with torch.device("meta"):
        return cls(**config)


def presets() -> dict[str, str]:
    """Name of each preset and its `config.json`."""
    models = {
        **{name: build(LTXVideoTransformer3DModel, c) for name, c in TRANSFORMERS.items()},
        **{name: build(AutoencoderKLLTXVideo, c) for name, c in VAES.items()},
        **{name: FlowMatchEulerDiscreteScheduler(**c) for name, c in SCHEDULERS.items()},
    }
    return {name: model.to_json_string() for name, model in models.items()}


# Where the flat list of blocks of an original decoder or encoder stands in diffusers' tree.
DECODER_BLOCKS = {
    "0.9.0": [
        "mid_block",
        "up_blocks.0",
        "up_blocks.1.upsamplers.0",
        "up_blocks.1",
        "up_blocks.2.conv_in",
        "up_blocks.2.upsamplers.0",
        "up_blocks.2",
        "up_blocks.3.conv_in",
        "up_blocks.3.upsamplers.0",
        "up_blocks.3",
    ],
    "0.9.1": [
        "mid_block",
        "up_blocks.0.upsamplers.0",
        "up_blocks.0",
        "up_blocks.1.upsamplers.0",
        "up_blocks.1",
        "up_blocks.2.upsamplers.0",
        "up_blocks.2",
    ],
}
DECODER_BLOCKS["0.9.5"] = DECODER_BLOCKS["0.9.1"]
ENCODER_BLOCKS = {
    "0.9.0": [
        "down_blocks.0",
        "down_blocks.0.downsamplers.0",
        "down_blocks.0.conv_out",
        "down_blocks.1",
        "down_blocks.1.downsamplers.0",
        "down_blocks.1.conv_out",
        "down_blocks.2",
        "down_blocks.2.downsamplers.0",
        "down_blocks.3",
        "mid_block",
    ],
    "0.9.5": [
        "down_blocks.0",
        "down_blocks.0.downsamplers.0",
        "down_blocks.1",
        "down_blocks.1.downsamplers.0",
        "down_blocks.2",
        "down_blocks.2.downsamplers.0",
        "down_blocks.3",
        "down_blocks.3.downsamplers.0",
        "mid_block",
    ],
}
ENCODER_BLOCKS["0.9.1"] = ENCODER_BLOCKS["0.9.0"]


def original_vae_name(name: str, version: str) -> str:
    """The original name of a tensor of diffusers' VAE."""
    if name in ("latents_mean", "latents_std"):
        kind = name.removeprefix("latents_")
        return f"vae.per_channel_statistics.{kind}-of-means"
    part, rest = name.split(".", 1)
    blocks, flat = {
        "decoder": (DECODER_BLOCKS[version], "up_blocks"),
        "encoder": (ENCODER_BLOCKS[version], "down_blocks"),
    }[part]
    # The longest place wins, so that `up_blocks.1.upsamplers.0` is not read as `up_blocks.1`.
    fitting = [place for place in blocks if rest.startswith(place + ".")]
    if fitting:
        place = max(fitting, key=len)
        rest = f"{flat}.{blocks.index(place)}" + rest.removeprefix(place)
    else:
        rest = rest.replace("scale_shift_table", "last_scale_shift_table")
        rest = rest.replace("time_embedder", "last_time_embedder")
    rest = rest.replace("resnets", "res_blocks").replace("conv_shortcut.conv", "conv_shortcut")
    rest = rest.replace("norm3", "norm3.norm")
    return f"vae.{part}.{rest}"


def original_transformer_name(name: str) -> str:
    """The original name of a tensor of diffusers' transformer."""
    for new, old in {
        "proj_in": "patchify_proj",
        "time_embed": "adaln_single",
        "norm_q": "q_norm",
        "norm_k": "k_norm",
    }.items():
        name = name.replace(new, old)
    return f"model.diffusion_model.{name}"
