"""Writes tiny models as diffusers saves whole pipelines, and what each makes of a prompt.

    python -m open_models.directories        # in oracle/

Text goes in and frames come out, so that tokenizer, text encoder, schedule, transformer and VAE are
compared together. Weights are random, exact in bf16 and stored so; the arithmetic is f32.
"""

import io
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import sentencepiece
import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXPipeline,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.ltx import pipeline_ltx_condition
from transformers import T5Config, T5EncoderModel, T5Tokenizer, UMT5Config, UMT5EncoderModel

from . import ltx, wan
from .common import CRATES, randomize, save
from .ltx_variants import SCHEDULERS
from .prompts import PROSE

OUT = CRATES / "engine/fixtures/open"
PROMPT = "A red sailboat on a calm sea at golden hour, slow push in"
NEGATIVE = "rain, text"
VOCABULARY = 300


def vocabulary(folder: Path) -> Path:
    """Trains one without a character map, which is large and tested where the tokenizer is."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in PROSE if line.isascii()]),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCABULARY,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        character_coverage=1.0,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    spiece = folder / "spiece.model"
    spiece.write_bytes(model.getvalue())
    return spiece


def text_encoder(width: int, is_umt5: bool, seed: int):
    sizes = dict(
        vocab_size=VOCABULARY + 20,
        d_model=width,
        d_kv=6,
        d_ff=24,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    model = UMT5EncoderModel(UMT5Config(**sizes)) if is_umt5 else T5EncoderModel(T5Config(**sizes))
    return randomize(model, seed)


def write(name: str, pipe, latents: torch.Tensor, spiece: Path | None, **arguments):
    """Saves the pipeline in bf16, and in f32 what it makes of `latents`."""
    pipe.set_progress_bar_config(disable=True)
    common = dict(prompt=PROMPT, negative_prompt=NEGATIVE, **arguments)
    with torch.no_grad():
        final = pipe(latents=latents.clone(), output_type="latent", **common).frames
        frames = pipe(latents=latents.clone(), output_type="pt", **common).frames
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    pipe.to(torch.bfloat16).save_pretrained(folder)
    if spiece is not None:  # the layout of older directories
        for file in (folder / "tokenizer").iterdir():
            file.unlink()
        shutil.copy(spiece, folder / "tokenizer")
    return final, frames[0, ::4].permute(0, 2, 3, 1)  # [t, h, w, 3], one frame in four


def ltx_directory(name: str, cls, version: str, scheduler: str, words, spiece: Path | None):
    latents = ltx.random(7, 1, ltx.CHANNELS, 3, 4, 2)
    packed = LTXPipeline._pack_latents(latents)
    pipe = cls(
        scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULERS[scheduler]),
        vae=ltx.vae(3, version),
        text_encoder=text_encoder(ltx.TRANSFORMER["caption_channels"], False, 4),
        tokenizer=words,
        transformer=ltx.transformer(5, ltx.TRANSFORMER),
    )
    size = dict(num_frames=17, height=64, width=32, frame_rate=24)
    sampling = dict(num_inference_steps=5, guidance_scale=3.0, max_sequence_length=48)
    decode = dict(decode_timestep=0.05, decode_noise_scale=0.0)
    if cls is LTXConditionPipeline:
        # It makes its own noise where there is nothing to go on from; a draw of zeros is unused.
        draw = lambda shape, **_: latents.clone() if tuple(shape) == tuple(latents.shape) else None
        with mock.patch.object(pipeline_ltx_condition, "randn_tensor", draw):
            pipe_latents = _Given(pipe)
            final, frames = write(name, pipe_latents, latents, spiece, **size, **sampling, **decode)
    else:
        final, frames = write(name, pipe, packed, spiece, **size, **sampling, **decode)
    if final.dim() == 3:
        final = LTXPipeline._unpack_latents(final, 3, 4, 2)
    save(OUT / f"{name}.safetensors", {"init": latents, "latents": final, "frames": frames})


class _Given:
    """A condition pipeline whose noise is drawn by the patched function."""

    def __init__(self, pipe):
        self.pipe = pipe

    def __call__(self, latents, **arguments):
        return self.pipe(**arguments)

    def __getattr__(self, name):
        return getattr(self.pipe, name)


def wan_directory(name: str, vae: dict, words, spiece: Path | None, shift: float, low=None, **options):
    scale = vae.get("scale_factor_spatial", 8)
    latents = wan.noise(1, 6, 3, 4, 6, seed=8)
    config = dict(wan.TRANSFORMER)
    pair = {}
    if low is not None:
        second = WanTransformer3DModel(**dict(config, num_layers=1))
        pair = dict(transformer_2=randomize(second, 9), boundary_ratio=low)
    pipe = WanPipeline(
        tokenizer=words,
        text_encoder=text_encoder(config["text_dim"], True, 10),
        transformer=randomize(WanTransformer3DModel(**config), 11),
        vae=randomize(AutoencoderKLWan(**vae), 12),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
        ),
        **pair,
        **options,
    )
    arguments = dict(
        num_frames=9,
        height=4 * scale,
        width=6 * scale,
        num_inference_steps=5,
        guidance_scale=4.0,
        max_sequence_length=48,
    )
    if low is not None:
        arguments["guidance_scale_2"] = 2.5
    final, frames = write(name, pipe, latents, spiece, **arguments)
    save(OUT / f"{name}.safetensors", {"init": latents, "latents": final, "frames": frames})


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        spiece = vocabulary(Path(place))
        words = T5Tokenizer.from_pretrained(place, extra_ids=0)
        ltx_directory("ltx-0.9.0", LTXPipeline, "0.9.0", "scheduler-0.9.0", words, spiece)
        ltx_directory("ltx-0.9.5", LTXConditionPipeline, "0.9.5", "scheduler-0.9.5", words, None)
        wan_directory("wan-2.1", wan.VAE21, words, None, 3.0)
        wan_directory("wan-2.2-pair", wan.VAE21, words, spiece, 5.0, low=0.875)
        wan_directory("wan-2.2-5b", wan.VAE22, words, None, 5.0, expand_timesteps=True)


if __name__ == "__main__":
    main()
