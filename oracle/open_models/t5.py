"""Writes the fixtures of the text encoders: T5 and UMT5, their tokenizers, Wan's prompt cleaning.

    python open_models/t5.py

Encoders are tiny and random, in f32; tokenizers are trained here on the prose of `prompts.py`.
References: transformers (T5EncoderModel, UMT5EncoderModel, T5Tokenizer), tokenizers, and the
`prompt_clean` of diffusers' Wan pipeline with ftfy.
"""

import hashlib
import html.entities
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
import torch
from common import FIXTURES, randomize, save, weights
from prompts import PROSE, dirty, prompts
from tokenizers import Tokenizer
from transformers import T5Config, T5EncoderModel, T5Tokenizer, UMT5Config, UMT5EncoderModel

OUT = FIXTURES / "t5"

SIZES = dict(vocab_size=48, d_model=32, d_ff=40, num_layers=3)
# The inner width of attention is not the model's in the last two.
CONFIGS = {
    "t5": T5Config(**SIZES, d_kv=8, num_heads=4, feed_forward_proj="gated-gelu"),
    "t5_relu": T5Config(**SIZES, d_kv=16, num_heads=3, relative_attention_num_buckets=16,
                        relative_attention_max_distance=20, layer_norm_epsilon=1e-3),
    "umt5": UMT5Config(**SIZES, d_kv=16, num_heads=3, feed_forward_proj="gated-gelu"),
}
REAL, PADDED = 29, 40


@torch.no_grad()
def encoder(name: str, seed: int):
    """Weights, ids, and the stream after each block, with the mask for UMT5 only: as the pipelines do."""
    config = CONFIGS[name]
    model = (UMT5EncoderModel if name == "umt5" else T5EncoderModel)(config)
    randomize(model, seed)
    # Biases of about one make the softmax differ from head to head and from bucket to bucket.
    for key, value in model.named_parameters():
        if "relative_attention_bias" in key:
            value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(seed)).bfloat16().float())
    stack = model.encoder
    ids = torch.randint(2, config.vocab_size, (1, PADDED), generator=torch.Generator().manual_seed(seed))
    ids[0, REAL - 1] = 1
    ids[0, REAL:] = 0
    mask = (torch.arange(PADDED) < REAL).long()[None] if name == "umt5" else None
    rows = REAL if name == "umt5" else PADDED

    parts = {"ids": ids[0, :rows].float()}
    keep = lambda key: lambda _module, _inputs, output: parts.__setitem__(
        key, (output[0] if isinstance(output, tuple) else output)[0, :rows])
    hooks = [stack.embed_tokens.register_forward_hook(keep("embedded"))]
    for i, block in enumerate(stack.block):
        hooks.append(block.layer[0].register_forward_hook(keep(f"attended.{i}")))
        hooks.append(block.register_forward_hook(keep(f"block.{i}")))
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    for hook in hooks:
        hook.remove()
    parts["states"] = states[0, :rows]
    owner = stack.block[0].layer[0].SelfAttention
    parts["bias.0"] = owner.compute_bias(rows, rows)[0]
    kept = {f"weights.{key}": value for key, value in weights(model).items() if "embed_tokens" not in key}
    save(OUT / f"{name}.safetensors", parts | kept)
    bf16 = model.bfloat16()(input_ids=ids, attention_mask=mask).last_hidden_state[0, :rows].float()
    print(f"{name}: bf16 off by {(bf16 - parts['states']).abs().max() / parts['states'].abs().max():.4f}")
    (OUT / f"{name}.json").write_text(json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n")


def buckets():
    """The bucket of each distance -400..400, for the published and for odd settings."""
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = torch.arange(-400, 401)
    table = {f"{n}_{far}": T5Attention._relative_position_bucket(distance, True, n, far).tolist()
             for n, far in [(32, 128), (16, 20), (64, 500), (10, 7)]}
    (OUT / "buckets.json").write_text(json.dumps(table, separators=(",", ":")) + "\n")


def train(path: Path, vocab_size: int, byte_fallback: bool):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PROSE * 4), model_writer=model, model_type="unigram", vocab_size=vocab_size,
        hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>",
        byte_fallback=byte_fallback, character_coverage=0.995, normalization_rule_name="nmt_nfkc",
        num_threads=1, minloglevel=2)
    path.write_bytes(model.getvalue())


def tokenizers():
    folder = OUT / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    train(folder / "spiece.model", 1000, byte_fallback=False)
    texts = prompts()
    answers = {"prompts": texts}
    encode = lambda tokenizer, **options: [" ".join(map(str, tokenizer(text, **options).input_ids)) for text in texts]

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "spiece.model").write_bytes((folder / "spiece.model").read_bytes())
        plain = T5Tokenizer.from_pretrained(place)
        answers["spiece"] = encode(plain)
        answers["truncated"] = encode(plain, truncation=True, max_length=12)
        config = json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 300}) + "\n"
        (folder / "tokenizer_config.json").write_text(config)
        (place / "tokenizer_config.json").write_text(config)
        answers["sentinels"] = encode(T5Tokenizer.from_pretrained(place))

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        train(place / "spiece.model", 1500, byte_fallback=True)
        T5Tokenizer.from_pretrained(place, extra_ids=300).save_pretrained(place / "saved")
        saved = json.loads((place / "saved/tokenizer.json").read_text())
        answers["json"] = encode(T5Tokenizer.from_pretrained(place / "saved"))

        # The form that older converters wrote, with the byte pieces in use.
        charsmap = saved["normalizer"]["precompiled_charsmap"]
        old = json.loads(json.dumps(saved))
        old["model"]["byte_fallback"] = True
        old["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": charsmap},
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]}
        old["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        (place / "old.json").write_text(json.dumps(old))
        tokenizer = Tokenizer.from_file(str(place / "old.json"))
        answers["old_json"] = [" ".join(map(str, tokenizer.encode(text).ids)) for text in texts]

        # The character map is that of `spiece.model` too: 320 KB that the test puts back.
        for part in [saved["normalizer"], old["normalizer"]["normalizers"][0]]:
            part["precompiled_charsmap"] = ""
        write = lambda name, value: (folder / name).write_text(
            json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        write("tokenizer.json", saved)
        write("old_components.json", {key: old[key] for key in ["normalizer", "pre_tokenizer"]})
    (folder / "ids.json").write_text(json.dumps(answers, separators=(",", ":")) + "\n")
    print(len(texts), "prompts;", {key: len(value) for key, value in answers.items()})


def cleaning():
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    pairs = [[text, prompt_clean(text)] for text in dirty()]
    lines = ",\n".join(json.dumps(pair, ensure_ascii=True) for pair in pairs)
    (OUT / "clean.json").write_text(f"[\n{lines}\n]\n")
    entities = [[f"&{name}", html.unescape(f"&{name}")] for name in sorted(html.entities.html5)]
    print(len(pairs), "cleaned,", sum(a != b for a, b in pairs), "changed,", len(entities), "entities")
    joined = "".join(f"{name}={text}\n" for name, text in entities)
    (OUT / "entities.sha256").write_text(hashlib.sha256(joined.encode()).hexdigest() + "\n")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(CONFIGS):
        encoder(name, seed)
    buckets()
    tokenizers()
    cleaning()
