"""Writes the parity fixtures of LTX-Video: tiny random models of diffusers and what they compute.

    python -m open_models.ltx        # in oracle/

Everything is f32 and seeded; weights are stored in bf16, which holds them exactly. Noise is always
an input: where a model or a pipeline draws it, the draw is fed and recorded.
"""

import json
from contextlib import contextmanager
from unittest import mock

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXImageToVideoPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.pipelines.ltx import pipeline_ltx, pipeline_ltx_condition, pipeline_ltx_image2video
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

from .common import CRATES, FIXTURES, channels_last, randomize, save, weights
from .ltx_variants import SCHEDULERS, original_transformer_name, original_vae_name

OUT = FIXTURES / "ltx"
CHANNELS = 8

# 2 heads of 10: an inner size that 6 does not divide, as in the published models.
TRANSFORMER = dict(
    in_channels=CHANNELS,
    out_channels=CHANNELS,
    num_attention_heads=2,
    attention_head_dim=10,
    cross_attention_dim=20,
    num_layers=2,
    caption_channels=12,
)

OLD_ENCODER = dict(
    latent_channels=CHANNELS,
    block_out_channels=(4, 6, 10, 10),
    down_block_types=("LTXVideoDownBlock3D",) * 4,
    layers_per_block=(1, 2, 1, 1, 1),
    spatio_temporal_scaling=(True, True, True, False),
    downsample_type=("conv",) * 4,
    patch_size=2,
)
NEW_DECODER = dict(
    decoder_spatio_temporal_scaling=(True, True, True),
    upsample_residual=(True, True, True),
    timestep_conditioning=True,
)
VAES = {
    "0.9.0": dict(
        OLD_ENCODER,
        decoder_block_out_channels=(4, 6, 10, 10),
        decoder_layers_per_block=(1, 1, 1, 2, 1),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
    ),
    "0.9.1": dict(
        OLD_ENCODER,
        **NEW_DECODER,
        decoder_block_out_channels=(8, 8, 8),
        upsample_factor=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 2, 1),
        decoder_inject_noise=(True, True, True, False),
    ),
    "0.9.5": dict(
        latent_channels=CHANNELS,
        block_out_channels=(4, 8, 8, 16, 16),
        down_block_types=("LTXVideo095DownBlock3D",) * 4,
        layers_per_block=(1, 1, 2, 1, 1),
        spatio_temporal_scaling=(True,) * 4,
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        patch_size=2,
        **NEW_DECODER,
        decoder_block_out_channels=(8, 8, 16),
        upsample_factor=(1, 1, 2),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_inject_noise=(False,) * 4,
        spatial_compression_ratio=16,
        temporal_compression_ratio=8,
    ),
}

FPS = 25


def config_of(model) -> str:
    return model.to_json_string()


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@contextmanager
def drawn(module, name: str, queue: list[torch.Tensor] | None = None):
    """Feeds the draws of `module.name` from `queue`, or records them where there is none."""
    record = []
    generator = torch.Generator().manual_seed(99)

    def draw(shape, **_):
        if queue is None:
            record.append(torch.Tensor(*shape).normal_(generator=generator))
        else:
            record.append(queue.pop(0))
            assert tuple(record[-1].shape) == tuple(shape), (record[-1].shape, shape)
        return record[-1].clone()

    with mock.patch.object(module, name, draw):
        yield record


def transformer(seed: int, config: dict) -> LTXVideoTransformer3DModel:
    return randomize(LTXVideoTransformer3DModel(**config), seed)


def vae(seed: int, version: str) -> AutoencoderKLLTXVideo:
    model = randomize(AutoencoderKLLTXVideo(**VAES[version]), seed)
    model.latents_std.copy_((0.5 + random(seed, CHANNELS).abs()).to(torch.bfloat16).float())
    if model.decoder.timestep_scale_multiplier is not None:
        model.decoder.timestep_scale_multiplier.data.fill_(736.0)
    return model


def coordinates(t: int, h: int, w: int) -> torch.Tensor:
    """What the condition pipeline gives the transformer for a grid of latents."""
    ids = LTXConditionPipeline._prepare_video_ids(1, t, h, w)
    coords = LTXConditionPipeline._scale_video_ids(ids, 32, 8, 0).float()
    coords[:, 0] = coords[:, 0] * (1.0 / FPS)
    return coords


def write_transformer():
    model = transformer(1, TRANSFORMER)
    t, h, w = 3, 2, 3
    x = random(2, 1, CHANNELS, t, h, w)
    text = random(3, 1, 5, TRANSFORMER["caption_channels"])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    per_token = torch.tensor([[0.0] * 6 + [431.0] * 6 + [731.5, 20.0, 0.0, 999.0, 431.0, 500.0]])
    scaled = dict(num_frames=t, height=h, width=w, rope_interpolation_scale=(8 / FPS, 32, 32))
    causal = dict(video_coords=coordinates(t, h, w))

    def velocity(timestep, mask, **where):
        packed = LTXPipeline._pack_latents(x)
        y = model(packed, text, timestep, mask, **where, return_dict=False)[0]
        return channels_last(LTXPipeline._unpack_latents(y, t, h, w))

    one = torch.tensor([731.0])
    tensors = {f"weights.{name}": value for name, value in weights(model).items()}
    tensors |= {
        "latents": channels_last(x),
        "text": text[0],
        "mask": mask[0].float(),
        "per_token": per_token[0],
        "masked": velocity(one, mask, **scaled),
        "unmasked": velocity(one, torch.ones_like(mask), **scaled),
        "causal": velocity(one, mask, **causal),
        "causal_per_token": velocity(per_token, mask, **causal),
        "scaled_per_token": velocity(per_token, mask, **scaled),
    }
    for name, where in {"scaled": scaled, "causal": causal}.items():
        cos, sin = model.rope(x, **where)
        tensors |= {f"rope.{name}.cos": cos[0], f"rope.{name}.sin": sin[0]}
    # The model cut after its first blocks: where a difference begins.
    blocks = model.transformer_blocks
    for count in range(len(blocks)):
        model.transformer_blocks = blocks[:count]
        tensors[f"after.{count}"] = velocity(per_token, mask, **causal)
    model.transformer_blocks = blocks
    save(OUT / "transformer.safetensors", tensors)
    (OUT / "transformer.json").write_text(config_of(model))
    names = {original_transformer_name(name): name for name in model.state_dict()}
    (OUT / "transformer.names.json").write_text(json.dumps(names, indent=0) + "\n")


def intermediates(modules: dict[str, torch.nn.Module], run) -> dict[str, torch.Tensor]:
    """The outputs of named modules while `run` computes."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
        for name, module in modules.items()
    ]
    run()
    for hook in hooks:
        hook.remove()
    return {name: channels_last(out) for name, out in seen.items()}


def write_vae(seed: int, version: str):
    model = vae(seed, version)
    side = model.config.spatial_compression_ratio or model.spatial_compression_ratio
    mean, std = (x.view(1, -1, 1, 1, 1) for x in (model.latents_mean, model.latents_std))

    film = random(seed + 1, 1, 3, 17, side, 2 * side).clamp(-1, 1)
    encoder = model.encoder
    blocks = {f"encoder.down_blocks.{i}": b for i, b in enumerate(encoder.down_blocks)}
    blocks |= {"encoder.mid_block": encoder.mid_block}
    seen = intermediates(blocks, lambda: model.encode(film))
    encoded = model.encode(film).latent_dist.mode()
    still = model.encode(film[:, :, :1]).latent_dist.mode()

    latents = random(seed + 2, 1, CHANNELS, 3, 1, 2)
    noise = random(seed + 3, *latents.shape)
    timestep, scale = (0.05, 0.025) if model.config.timestep_conditioning else (None, 0.0)
    z = latents * std + mean
    z = (1 - scale) * z + scale * noise
    temb = None if timestep is None else torch.tensor([timestep])
    decoder = model.decoder
    blocks = {f"decoder.up_blocks.{i}": b for i, b in enumerate(decoder.up_blocks[:-1])}
    blocks |= {"decoder.conv_in": decoder.conv_in, "decoder.mid_block": decoder.mid_block}
    with drawn(torch, "randn") as draws:
        seen |= intermediates(blocks, lambda: model.decode(z, temb))
    with drawn(torch, "randn", list(draws)):
        frames = model.decode(z, temb).sample

    tensors = {f"weights.{name}": value for name, value in weights(model).items()}
    tensors |= {f"block.{name}": value for name, value in seen.items()}
    tensors |= {f"draw.{i}": value for i, value in enumerate(draws)}
    tensors |= {
        "film": channels_last(film),
        "encoded": channels_last((encoded - mean) / std),
        "encoded_still": channels_last((still - mean) / std),
        "latents": channels_last(latents),
        "noise": channels_last(noise),
        "frames": channels_last(frames),
    }
    save(OUT / f"vae-{version}.safetensors", tensors)
    (OUT / f"vae-{version}.json").write_text(config_of(model))
    names = {original_vae_name(name, version): name for name in model.state_dict()}
    (OUT / f"vae-{version}.names.json").write_text(json.dumps(names, indent=0) + "\n")
    return model


def write_tiled(model: AutoencoderKLLTXVideo):
    """Tiles of 3x3 latents, two apart: the last ones are smaller."""
    mean, std = (x.view(1, -1, 1, 1, 1) for x in (model.latents_mean, model.latents_std))
    latents = random(31, 1, CHANNELS, 2, 4, 5)
    temb = torch.tensor([0.05])
    model.enable_tiling(48, 48, None, 32, 32)
    tiled = model.decode(latents * std + mean, temb).sample
    model.disable_tiling()
    # One row of pixels in five keeps the file small, and meets every tile and every blend.
    save(
        OUT / "tiled.safetensors",
        {"latents": channels_last(latents), "frames": channels_last(tiled)[:, ::5]},
    )


class Still:
    """Runs a pipeline without randomness: noise is fed and the encoder's mean is taken."""

    def __init__(self, module):
        self.module = module

    def __call__(self, pipe, draws: list[torch.Tensor], **arguments) -> torch.Tensor:
        mode = lambda posterior, _generator=None: posterior.mode()
        with (
            drawn(self.module, "randn_tensor", list(draws)),
            mock.patch.object(torch, "randn", lambda *_, **__: draws[-1].clone()),
            mock.patch.object(DiagonalGaussianDistribution, "sample", mode),
        ):
            return pipe(**arguments).frames


def write_pipelines(old: AutoencoderKLLTXVideo, new: AutoencoderKLLTXVideo):
    t, h, w = 3, 2, 2
    width = TRANSFORMER["caption_channels"]
    init, decode_noise = random(41, 1, CHANNELS, t, h, w), random(42, 1, CHANNELS, t, h, w)
    prompt = dict(
        prompt_embeds=random(43, 1, 6, width),
        prompt_attention_mask=torch.tensor([[1, 1, 1, 1, 0, 0]]),
        negative_prompt_embeds=random(44, 1, 6, width),
        negative_prompt_attention_mask=torch.tensor([[1, 0, 0, 0, 0, 0]]),
    )
    common = dict(
        prompt,
        num_frames=17,
        frame_rate=24,
        num_inference_steps=4,
        guidance_scale=3.0,
        output_type="pt",
    )
    image = (random(45, 1, 3, 32, 32) * 0.25 + 0.5).clamp(0, 1)
    tensors = {
        "init": channels_last(init),
        "decode_noise": channels_last(decode_noise),
        "image": (image[0].permute(1, 2, 0) * 2 - 1)[None],
        "text": prompt["prompt_embeds"][0],
        "negative_text": prompt["negative_prompt_embeds"][0],
    }

    def build(cls, model, scheduler):
        pipe = cls(
            scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULERS[scheduler]),
            vae=model,
            text_encoder=None,
            tokenizer=None,
            transformer=transformer(1, TRANSFORMER),
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def keep(name, pipe, run, draws, **arguments):
        arguments = dict(common, height=32, width=32, **arguments)
        latents = run(pipe, draws, **dict(arguments, output_type="latent"))
        if latents.dim() == 3:
            latents = LTXPipeline._unpack_latents(latents, t, h, w)
        tensors[f"{name}.latents"] = channels_last(latents)
        frames = run(pipe, draws, **arguments)
        tensors[f"{name}.frames"] = frames[0].permute(0, 2, 3, 1)[:, ::3]  # one row in three

    packed = LTXPipeline._pack_latents(init)
    run = Still(pipeline_ltx)
    pipe = build(LTXPipeline, old, "scheduler-0.9.0")
    keep("text", pipe, run, [], latents=packed)

    decode = dict(decode_timestep=0.05, decode_noise_scale=0.025)
    run = Still(pipeline_ltx_condition)
    pipe = build(LTXConditionPipeline, new, "scheduler-0.9.5")
    tensors["condition.sigmas"] = torch.cat([linear_quadratic_schedule(4), torch.zeros(1)])
    draws = [init, decode_noise]
    keep("condition", pipe, run, draws, **decode)
    still = dict(image=image, image_cond_noise_scale=0.0)
    keep("condition_image", pipe, run, draws, **still, **decode)
    distilled = dict(timesteps=[1000, 993, 987, 981, 975, 909, 725, 0.03], guidance_scale=1.0)
    arguments = dict(common, height=32, width=32, **decode, **distilled, output_type="latent")
    arguments["num_inference_steps"] = 8
    tensors["distilled.latents"] = channels_last(run(pipe, [init], **arguments))

    run = Still(pipeline_ltx_image2video)
    pipe = build(LTXImageToVideoPipeline, new, "scheduler-0.9.0")
    keep("image", pipe, run, draws, image=image, **decode)
    del tensors["image.frames"], tensors["condition.frames"]
    save(OUT / "pipelines.safetensors", tensors)


def write_schedules():
    """Noise levels of diffusers' scheduler, for the samplers' crate."""
    cases = []

    def add(name, scheduler, steps, tokens=None, timesteps=None):
        scheduler = FlowMatchEulerDiscreteScheduler(**scheduler)
        if timesteps is None:
            sigmas = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64).numpy()
            mu = pipeline_ltx.calculate_shift(
                tokens,
                scheduler.config.base_image_seq_len,
                scheduler.config.max_image_seq_len,
                scheduler.config.base_shift,
                scheduler.config.max_shift,
            )
            scheduler.set_timesteps(steps, sigmas=sigmas, mu=mu)
        else:
            scheduler.set_timesteps(timesteps=timesteps)
        cases.append(
            dict(
                name=name,
                config=json.loads(scheduler.to_json_string()),
                steps=steps,
                tokens=tokens,
                timesteps=timesteps,
                sigmas=scheduler.sigmas.tolist(),
            )
        )

    dynamic = SCHEDULERS["scheduler-0.9.0"]
    for steps, tokens in [(2, 6), (5, 1024), (8, 1792), (20, 4096), (3, 20000)]:
        add(f"dynamic {steps} {tokens}", dynamic, steps, tokens)
    add("dynamic without terminal", dict(dynamic, shift_terminal=None), 6, 2048)
    add("dynamic linear", dict(dynamic, time_shift_type="linear"), 6, 2048)
    add("static", dict(), 5, 100)
    add("static shift", dict(shift=3.0), 5, 100)
    add("static shift and terminal", dict(shift=3.0, shift_terminal=0.1), 5, 100)
    for steps in [1, 2, 3, 4, 7, 8, 30, 50]:
        timesteps = (linear_quadratic_schedule(steps) * 1000).tolist()
        add(f"linear-quadratic {steps}", dict(), steps, timesteps=timesteps)
    add("distilled", dict(), 8, timesteps=[1000, 993, 987, 981, 975, 909, 725, 0.03])
    add("distilled refine", dict(), 5, timesteps=[1000, 909, 725, 421, 0])
    folder = CRATES / "diffusion/fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flow_match.json").write_text(json.dumps(cases, indent=1) + "\n")


@torch.no_grad()
def main():
    write_transformer()
    models = {v: write_vae(10 * i + 10, v) for i, v in enumerate(VAES)}
    write_tiled(models["0.9.5"])
    write_pipelines(models["0.9.0"], models["0.9.5"])
    write_schedules()


if __name__ == "__main__":
    main()
