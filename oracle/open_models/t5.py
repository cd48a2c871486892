"""Writes the fixtures of the text encoders: T5 and UMT5, their tokenizers, Wan's prompt cleaning.

    python -m open_models.t5        # in oracle/

Encoders are tiny and random, in f32; tokenizers are trained here on the prose of `prompts.py`.
References: transformers (T5EncoderModel, UMT5EncoderModel, T5Tokenizer), tokenizers, and the
`prompt_clean` of diffusers' Wan pipeline with ftfy.
"""

import hashlib
import html.entities
import io
import json
import re
import tempfile
from pathlib import Path

import gguf
import sentencepiece
import torch
from .common import FIXTURES, randomize, save, weights
from .prompts import PROSE, dirty, prompts
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
    stream = lambda output: output[0] if isinstance(output, tuple) else output
    keep = lambda key: lambda _module, _inputs, output: parts.__setitem__(key, stream(output)[0, :rows])
    hooks = [stack.embed_tokens.register_forward_hook(keep("embedded"))]
    hooks += [block.register_forward_hook(keep(f"block.{i}")) for i, block in enumerate(stack.block)]
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    for hook in hooks:
        hook.remove()
    parts["states"] = states[0, :rows]
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


def names():
    """Names and shapes of the published encoders in each layout; `{}` stands for the block."""
    layouts = {}

    def add(layout: str, tensors: dict[str, list[int]], last: int):
        first = re.compile(r"\bblocks?\.0\.|\bblk\.0\.")
        other = re.compile(rf"\bblocks?\.(?!0\.)\d+\.|\bblk\.(?!0\.)\d+\.")
        apart = {name: shape for name, shape in tensors.items() if not first.search(name) and not other.search(name)}
        of = lambda i: {re.sub(rf"\b(blocks?|blk)\.{i}\.", r"\1.{}.", name): shape
                        for name, shape in tensors.items() if re.search(rf"\b(blocks?|blk)\.{i}\.", name)}
        assert all(of(i) == of(1) for i in range(1, last + 1)), layout
        assert len(apart) + len(of(0)) + last * len(of(1)) == len(tensors), layout
        layouts[layout] = {"apart": apart, "first": of(0), "others": of(1), "blocks": last + 1}

    for name, kind, config_type, size in [("t5", T5EncoderModel, T5Config, 32128),
                                          ("umt5", UMT5EncoderModel, UMT5Config, 256384)]:
        config = config_type(vocab_size=size, d_model=4096, d_ff=10240, d_kv=64, num_heads=64, num_layers=24,
                             feed_forward_proj="gated-gelu")
        with torch.device("meta"):
            tensors = {name: list(value.shape) for name, value in kind(config).state_dict().items()}
        add(f"transformers_{name}", tensors, 23)
        # `get_tensor_name_map` knows the names that transformers gives.
        gguf_names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, 24)
        # Converters leave the second name of the embedding out.
        renamed = {gguf_names.get_name(key, try_suffixes=[".weight"]): shape
                   for key, shape in tensors.items() if key != "encoder.embed_tokens.weight"}
        add(f"gguf_{name}", renamed, 23)
    wan = {"token_embedding.weight": tensors["shared.weight"], "norm.weight": [4096]}
    for i in range(24):
        block = f"blocks.{i}."
        wan |= {block + f"attn.{part}.weight": [4096, 4096] for part in "qkvo"}
        wan |= {block + f"norm{k}.weight": [4096] for k in (1, 2)}
        wan |= {block + "pos_embedding.embedding.weight": [32, 64], block + "ffn.gate.0.weight": [10240, 4096],
                block + "ffn.fc1.weight": [10240, 4096], block + "ffn.fc2.weight": [4096, 10240]}
    add("wan_umt5", wan, 23)
    (OUT / "names.json").write_text(json.dumps(layouts, separators=(",", ":")) + "\n")


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
    names()
    tokenizers()
    cleaning()
