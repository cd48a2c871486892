"""Writes an open model of published shapes with random weights as diffusers saves it.

    python -m open_models.full_size wan2.1-t2v-1.3b DIR        # in oracle/

For timing whole clips and measuring their memory (docs/performance.md) where published weights are not at
hand. The pictures are noise. A part is made, written and given back before the next; the largest, the
text encoder, takes 10 to 12 GB of memory, and the directory 15 GB of disk.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    UniPCMultistepScheduler,
    WanTransformer3DModel,
)
from transformers import T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

from .common import CRATES
from .directories import vocabulary
from .ltx_variants import SCHEDULERS

PRESETS = CRATES / "models/src"
MODELS = {
    "ltx-video-2b-0.9.0": ("LTXPipeline", "ltx/presets/vae-0.9.0.json", "scheduler-0.9.0"),
    "ltx-video-2b": ("LTXConditionPipeline", "ltx/presets/vae-0.9.5.json", "scheduler-0.9.5"),
    "wan2.1-t2v-1.3b": ("WanPipeline", "wan/presets/wan2.1-vae.json", None),
}


def config(path: str) -> dict:
    return json.loads((PRESETS / path).read_text())


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Numbers that neither fade nor grow through the layers."""
    for parameter in model.parameters():
        inputs = parameter[0].numel() if parameter.dim() > 1 else 1
        bound = (3 / inputs) ** 0.5
        parameter.data.uniform_(-bound, bound)
    return model.eval()


def parts(name: str):
    """Each part's folder, library, and a function that makes it."""
    _, vae, scheduler = MODELS[name]
    if name.startswith("wan"):
        shift = dict(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
        yield "scheduler", "diffusers", lambda: UniPCMultistepScheduler(**shift)
        yield "vae", "diffusers", lambda: AutoencoderKLWan.from_config(config(vae))
        transformer = f"wan/presets/{name}.json"
        yield "transformer", "diffusers", lambda: WanTransformer3DModel.from_config(config(transformer))
        encoder = lambda: UMT5EncoderModel(UMT5Config(**config("t5/presets/umt5_xxl.json")))
    else:
        yield "scheduler", "diffusers", lambda: FlowMatchEulerDiscreteScheduler(**SCHEDULERS[scheduler])
        yield "vae", "diffusers", lambda: AutoencoderKLLTXVideo.from_config(config(vae))
        transformer = "ltx/presets/transformer-2b.json"
        yield "transformer", "diffusers", lambda: LTXVideoTransformer3DModel.from_config(config(transformer))
        encoder = lambda: T5EncoderModel(T5Config(**config("t5/presets/t5_v1_1_xxl.json")))
    yield "text_encoder", "transformers", encoder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("directory", type=Path)
    args = parser.parse_args()
    torch.manual_seed(1)
    # Made in their precision: a second copy of the largest would not fit.
    torch.set_default_dtype(torch.bfloat16)
    index = {"_class_name": MODELS[args.model][0]}
    for folder, library, make in parts(args.model):
        part = make()
        if isinstance(part, torch.nn.Module):
            part = filled(part)
            part.save_pretrained(args.directory / folder, max_shard_size="3GB")
        else:
            part.save_pretrained(args.directory / folder)
        index[folder] = [library, type(part).__name__]
        print(folder, flush=True)
        del part
    (args.directory / "tokenizer").mkdir()
    vocabulary(args.directory / "tokenizer")
    index["tokenizer"] = ["transformers", "T5Tokenizer"]
    (args.directory / "model_index.json").write_text(json.dumps(index, indent=2))


if __name__ == "__main__":
    main()
