"""Writes what diffusers makes of a picture and a prompt with the tiny models of `directories.py`.

    python -m open_models.pictures        # in oracle/, after `open_models.directories`

The picture has the size of the clip, so that nothing is resized. The reference draws the picture's
latents from a distribution; here it takes the mean, and adds no noise to them between steps.
"""

from unittest import mock

import numpy as np
import torch
from diffusers import (
    LTXConditionPipeline,
    LTXImageToVideoPipeline,
    LTXPipeline,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.ltx import pipeline_ltx_condition, pipeline_ltx_image2video
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoTokenizer

from . import ltx, wan
from .common import save
from .directories import NEGATIVE, OUT, PROMPT


def picture(width: int, height: int) -> Image.Image:
    """A gradient with an edge in it, so that rows, columns and channels cannot be mistaken."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / (width - 1), 255 * y / (height - 1)
    blue = np.where(x + 2 * y < width, 200, 40)
    return Image.fromarray(np.stack([red, green, blue], 2).round().astype(np.uint8))


def mean(encoded, *_, **__):
    return encoded.latent_dist.mode()


def write(name: str, pipe, image: Image.Image, init: torch.Tensor, unpack, **arguments):
    """Saves the noise `init` that the pipeline was given, and what it made of it, unpacked."""
    pipe.set_progress_bar_config(disable=True)
    common = dict(
        image=image, prompt=PROMPT, negative_prompt=NEGATIVE, num_inference_steps=5,
        max_sequence_length=48, **arguments,
    )
    with torch.no_grad():
        final = pipe(output_type="latent", **common).frames
        frames = pipe(output_type="pt", **common).frames
    image.save(OUT / f"{name}-image.png")
    frames = frames[0, ::4].permute(0, 2, 3, 1)  # [t, h, w, 3], one frame in four
    save(
        OUT / f"{name}-image.safetensors",
        {"init": init, "latents": unpack(final), "frames": frames},
    )


def words():
    """The tokenizer that all of them share; some directories hold only its `spiece.model`."""
    return AutoTokenizer.from_pretrained(OUT / "ltx-0.9.5/tokenizer")


def ltx_picture(name: str, cls, module, **options):
    pipe = cls.from_pretrained(OUT / name, tokenizer=words(), torch_dtype=torch.float32)
    latents = ltx.random(7, 1, ltx.CHANNELS, 3, 4, 2)
    draw = lambda shape, **_: latents.clone() if tuple(shape) == tuple(latents.shape) else None
    with (
        mock.patch.object(module, "randn_tensor", draw),
        mock.patch.object(module, "retrieve_latents", mean),
    ):
        write(
            name, pipe, picture(32, 64), latents,
            lambda final: LTXPipeline._unpack_latents(final, 3, 4, 2) if final.dim() == 3 else final,
            num_frames=17, width=32, height=64, frame_rate=24, guidance_scale=3.0,
            decode_timestep=0.05, decode_noise_scale=0.0, **options,
        )


def wan_picture(name: str):
    # Read by hand: diffusers reads this transformer only where `accelerate` is installed.
    folder = OUT / name / "transformer"
    transformer = WanTransformer3DModel.from_config(WanTransformer3DModel.load_config(folder))
    transformer.load_state_dict(load_file(folder / "diffusion_pytorch_model.safetensors"))
    pipe = WanImageToVideoPipeline.from_pretrained(
        OUT / name, transformer=transformer.eval(), image_encoder=None, image_processor=None,
        torch_dtype=torch.float32,
    )
    assert isinstance(pipe.scheduler, UniPCMultistepScheduler) and pipe.config.expand_timesteps
    latents = wan.noise(1, 6, 3, 4, 6, seed=8)
    write(
        name, pipe, picture(96, 64), latents, lambda final: final,
        num_frames=9, width=96, height=64, guidance_scale=4.0, latents=latents.clone(),
    )


def main():
    torch.set_num_threads(1)
    ltx_picture("ltx-0.9.0", LTXImageToVideoPipeline, pipeline_ltx_image2video)
    ltx_picture(
        "ltx-0.9.5", LTXConditionPipeline, pipeline_ltx_condition, image_cond_noise_scale=0.0
    )
    wan_picture("wan-2.2-5b")


if __name__ == "__main__":
    main()
