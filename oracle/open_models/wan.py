"""Writes everything the tests of Wan need: presets, key lists, and parity fixtures.

    python -m open_models.wan        # in oracle/

Needs diffusers; reads no file and no network. All weights are random and exact in bf16, all
arithmetic is f32. `*.original` and `*.diffusers` hold the same weights under the two layouts'
names.
"""

import json
import re
from collections import defaultdict

import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)

from .common import CRATES, FIXTURES, channels_last, randomize, save, weights
from .wan_names import check, original_transformer, original_vae
from .wan_published import TRANSFORMERS, VAES

OUT = FIXTURES / "wan"
PRESETS = CRATES / "models/src/wan/presets"

TRANSFORMER = {
    "num_attention_heads": 3,
    "attention_head_dim": 16,
    "in_channels": 6,
    "out_channels": 6,
    "text_dim": 20,
    "freq_dim": 32,
    "ffn_dim": 56,
    "num_layers": 2,
}
VAE = {
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
    "z_dim": 6,
    "latents_mean": [0.3, -0.2, 0.05, 0.4, -0.6, 0.1],
    "latents_std": [1.5, 0.7, 1.1, 2.0, 0.9, 1.3],
}
VAE21 = {**VAE, "base_dim": 3}
VAE22 = {
    **VAE,
    "base_dim": 3,
    "decoder_base_dim": 4,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
}


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def compact(shapes: dict[str, list[int]]) -> list:
    """`blocks.0.x` to `blocks.29.x` with one shape become `["blocks.{30}.x", shape]`."""
    counts = defaultdict(set)
    for name, shape in shapes.items():
        block = re.match(r"^blocks\.(\d+)\.(.*)$", name)
        if block:
            counts[(f"blocks.*.{block[2]}", tuple(shape))].add(int(block[1]))
        else:
            counts[(name, tuple(shape))].add(0)
    rows = []
    for (name, shape), blocks in counts.items():
        assert blocks == set(range(len(blocks)))
        rows.append([name.replace("*", "{%d}" % len(blocks)), list(shape)])
    return rows


def write_rows(path, groups: dict[str, list]):
    lines = []
    for group, rows in groups.items():
        body = ",\n".join("  " + json.dumps(row) for row in rows)
        lines.append(f"{json.dumps(group)}: [\n{body}\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def published():
    """Presets as the converter saves them, and the names and shapes of both layouts."""
    PRESETS.mkdir(parents=True, exist_ok=True)
    (OUT / "keys").mkdir(parents=True, exist_ok=True)
    for name, config in TRANSFORMERS.items():
        with torch.device("meta"):
            model = WanTransformer3DModel.from_config(config)
        model.save_config(PRESETS)
        (PRESETS / "config.json").rename(PRESETS / f"{name}.json")
        shapes = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
        names = {key: original_transformer(key) for key in shapes}
        check(names, vae=False)
        original = {names[key]: shape for key, shape in shapes.items()}
        groups = {"original": compact(original), "diffusers": compact(shapes)}
        write_rows(OUT / f"keys/{name}.json", groups)
    for name, config in VAES.items():
        with torch.device("meta"):
            model = AutoencoderKLWan.from_config(config)
        model.save_config(PRESETS)
        (PRESETS / "config.json").rename(PRESETS / f"{name}.json")
        shapes = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
        names = {key: original_vae(key, model.config) for key in shapes}
        if not model.config["is_residual"]:
            check(names, vae=True)
        original = {names[key]: shape for key, shape in shapes.items()}
        groups = {"original": list(original.items()), "diffusers": list(shapes.items())}
        write_rows(OUT / f"keys/{name}.json", groups)


def save_layouts(name: str, model, rename):
    model.save_config(OUT)
    (OUT / "config.json").rename(OUT / f"{name}.json")
    state = weights(model)
    save(OUT / f"{name}.diffusers.safetensors", state)
    save(
        OUT / f"{name}.original.safetensors",
        {rename(key): tensor for key, tensor in state.items()},
    )


class Record:
    """Outputs of modules by name, through hooks; the parts of a module called often are joined."""

    def __init__(self, modules: dict[str, torch.nn.Module], axis: int = 0, convert=lambda x: x[0]):
        self.parts = defaultdict(list)
        self.axis = axis
        self.hooks = [
            module.register_forward_hook(
                lambda _m, _in, out, name=name: self.parts[name].append(convert(out))
            )
            for name, module in modules.items()
        ]

    def finish(self) -> dict[str, torch.Tensor]:
        for hook in self.hooks:
            hook.remove()
        return {name: torch.cat(parts, self.axis) for name, parts in self.parts.items()}


def transformer():
    model = randomize(WanTransformer3DModel(**TRANSFORMER), seed=1)
    save_layouts("transformer", model, original_transformer)
    latents = noise(1, 6, 3, 4, 6, seed=2)
    text = noise(1, 5, 20, seed=3)
    padded = torch.cat([text, torch.zeros(1, 512 - 5, 20)], 1)
    tensors = {"latents": channels_last(latents), "text": text[0]}

    blocks = {f"blocks.{i}": block for i, block in enumerate(model.blocks)}
    parts = {"patch_embedding": model.patch_embedding, **blocks}
    record = Record(parts, convert=lambda x: x.flatten(2).mT[0] if x.dim() == 5 else x[0])
    embedding = model.condition_embedder
    states = Record({"text_states": embedding.text_embedder, "time": embedding.time_embedder})
    velocity = model(latents, torch.tensor([937]), padded, return_dict=False)[0]
    tensors |= {f"one.{name}": value for name, value in record.finish().items()}
    found = states.finish()
    # The rows of padding are all alike: one of them is enough.
    tensors["one.text_states"] = found["text_states"][:6]
    tensors["one.time"] = found["time"]
    cos, sin = model.rope(latents)
    tensors |= {"rope.cos": cos[0, :, 0, 0::2], "rope.sin": sin[0, :, 0, 1::2]}
    tensors["one.velocity"] = channels_last(velocity)

    # TI2V: the first latent frame is clean, its tokens (2 x 3 of them) are at time 0.
    tokens = torch.full((1, 18), 623.0)
    tokens[:, :6] = 0
    record = Record(blocks)
    velocity = model(latents, tokens, padded, return_dict=False)[0]
    tensors |= {f"token.{name}": value for name, value in record.finish().items()}
    tensors["token.velocity"] = channels_last(velocity)
    save(OUT / "transformer.safetensors", tensors)
    return model


def vae_parts(model) -> dict[str, torch.nn.Module]:
    ups = {f"decoder.{i}": block for i, block in enumerate(model.decoder.up_blocks)}
    return {"decoder.middle": model.decoder.mid_block, **ups}


def vae(name: str, config: dict, seed: int):
    model = randomize(AutoencoderKLWan(**config), seed=seed)
    save_layouts(name, model, lambda key: original_vae(key, model.config))
    scale = config.get("scale_factor_spatial", 8)
    mean, std = (
        torch.tensor(config[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std")
    )
    # As the sampler leaves them; the pipelines denormalise before they decode.
    latents = noise(1, 6, 4, 2, 2, seed=seed + 1)
    record = Record(vae_parts(model), convert=channels_last)
    frames = model.decode(latents * std + mean).sample
    tensors = {"latents": channels_last(latents), "frames": channels_last(frames)[::3]}
    tensors |= {
        name: value for name, value in record.finish().items() if value.numel() < 1 << 13
    }

    film = noise(1, 3, 9, 2 * scale, scale, seed=seed + 2).clamp(-1, 1)
    encoded = model.encode(film).latent_dist.mode()
    tensors |= {"film": channels_last(film), "encoded": channels_last((encoded - mean) / std)}

    # Tiles of 3 x 3 latents, 2 apart; the last row and the last column of tiles are narrow.
    model.enable_tiling(3 * scale, 3 * scale, 2 * scale, 2 * scale)
    wide = noise(1, 6, 2, 5, 4, seed=seed + 3)
    tiled = channels_last(model.decode(wide * std + mean).sample)
    model.use_tiling = False
    tensors |= {"wide": channels_last(wide), "tiled": tiled[4:]}
    save(OUT / f"{name}.safetensors", tensors)
    return model


def unipc():
    """Golden steps: velocities are given, so that only the solver is at work."""
    lines = []
    for steps, shift in [(1, 3.0), (2, 12.0), (5, 3.0), (20, 5.0), (50, 1.0)]:
        scheduler = UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
        )
        scheduler.set_timesteps(steps)
        scheduler.set_begin_index(0)
        x = noise(1, 3, seed=steps)
        lines.append(f"case {steps} {shift}")
        row = lambda name, values: lines.append(" ".join([name, *(repr(float(v)) for v in values)]))
        row("timesteps", scheduler.timesteps)
        row("sigmas", scheduler.sigmas)
        row("noise", x[0])
        for step, t in enumerate(scheduler.timesteps):
            velocity = noise(1, 3, seed=1000 * steps + step)
            x = scheduler.step(velocity, t, x, return_dict=False)[0]
            row("velocity", velocity[0])
            row("x", x[0])
    path = CRATES / "diffusion/fixtures/unipc.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def padded_text(seed: int) -> torch.Tensor:
    return torch.cat([noise(1, 4, 20, seed=seed), torch.zeros(1, 12, 20)], 1)


def run(pipe, name: str, shape: tuple[int, ...], keep: slice, **options) -> dict:
    """One run; the latents after every step, and some of its frames."""
    pipe.set_progress_bar_config(disable=True)
    init = noise(1, *shape, seed=90)
    seen = []

    def after(_pipe, _step, _t, values):
        seen.append(channels_last(values["latents"]))
        return values

    scale = pipe.vae.config.scale_factor_spatial
    video = pipe(
        prompt_embeds=padded_text(91),
        negative_prompt_embeds=padded_text(92),
        latents=init,
        height=shape[2] * scale,
        width=shape[3] * scale,
        num_frames=4 * (shape[1] - 1) + 1,
        callback_on_step_end=after,
        output_type="np",
        **options,
    ).frames
    tensors = {
        "text": padded_text(91)[0, :4],
        "negative": padded_text(92)[0, :4],
        "init": channels_last(init),
        "steps": torch.stack(seen),
        "frames": torch.from_numpy(np.asarray(video))[0][keep],
    }
    return {f"{name}.{key}": value for key, value in tensors.items()}


def pipelines(high, vae21, vae22):
    low = randomize(WanTransformer3DModel(**{**TRANSFORMER, "num_layers": 1}), seed=5)
    state = weights(low)
    save(
        OUT / "low_noise.original.safetensors",
        {original_transformer(key): tensor for key, tensor in state.items()},
    )
    scheduler = lambda shift: UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )
    parts = {"tokenizer": None, "text_encoder": None, "transformer": high}
    experts = WanPipeline(
        **parts, transformer_2=low, vae=vae21, scheduler=scheduler(3.0), boundary_ratio=0.875
    )
    tensors = run(
        experts,
        "experts",
        (6, 3, 4, 4),
        slice(None, None, 4),
        num_inference_steps=6,
        guidance_scale=4.0,
        guidance_scale_2=3.0,
    )
    text = WanPipeline(**parts, vae=vae22, scheduler=scheduler(5.0), expand_timesteps=True)
    tensors |= run(
        text, "text_to_video", (6, 3, 2, 4), slice(None, None, 8), num_inference_steps=4
    )
    image = WanImageToVideoPipeline(
        **parts, vae=vae22, scheduler=scheduler(5.0), expand_timesteps=True
    )
    picture = noise(1, 3, 32, 64, seed=93).clamp(-1, 1) / 2 + 0.5
    tensors |= run(
        image,
        "image_to_video",
        (6, 3, 2, 4),
        slice(None, None, 8),
        image=picture,
        num_inference_steps=4,
    )
    tensors["image_to_video.picture"] = picture[0].permute(1, 2, 0)
    save(OUT / "pipelines.safetensors", tensors)


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    published()
    high = transformer()
    vae21 = vae("vae21", VAE21, seed=20)
    vae22 = vae("vae22", VAE22, seed=40)
    unipc()
    pipelines(high, vae21, vae22)


if __name__ == "__main__":
    main()
