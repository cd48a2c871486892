"""Writes the parity fixtures of the native model: tiny random weights and named intermediates.

    python fixtures.py

Everything is f32 and seeded; the Rust tests load the weights and must reproduce each tensor.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from native.codec import Codec
from native.config import CodecConfig, Config, TextConfig, TransformerConfig
from native.flow import euler, latent_weight, motion_loss, noised, velocity_loss
from native.muon import Average, Muon
from native.run import trapezoid
from native.text import TextEncoder
from native.transformer import Transformer
from train_codec import losses as codec_losses
from train_transformer import COLORS, KINDS, MOTION_WEIGHT, TEACHER_WEIGHT, Teacher, divide

GOLDEN_STEPS = 20
LEARNING_RATE = 2e-3

OUT = Path(__file__).resolve().parents[1] / "crates/models/fixtures/native"

TINY = Config(
    name="tiny",
    codec=CodecConfig(
        latent_channels=8,
        encoder_channels=[8, 12, 20],
        encoder_blocks=[1, 1, 2],
        decoder_channels=[20, 16, 12, 8],
        decoder_blocks=[1, 2, 1, 0],
        patch_frames=2,
        patch_size=4,
    ),
    text=TextConfig(
        hidden_size=32,
        num_layers=2,
        head_dim=16,
        vocab_size=40,
        num_ngrams=64,
        ngrams_per_word=8,
        num_units=8,
        max_tokens=16,
        slots=[
            {"name": "setting", "values": ["harbor", "beach", "sea"]},
            {"name": "time", "values": ["noon", "night"]},
            {"name": "color", "values": ["red", "green", "blue", "white", "black"]},
        ],
    ),
    transformer=TransformerConfig(
        hidden_size=48,
        num_layers=2,
        head_dim=16,
        ffn_size=64,
        patch_size=2,
        fps=24,
        patch_reach=1,
    ),
)


# A camera that pushes in while it pans.
CAMERA = [[0.0] * 5, [0.1, 0.08, -0.03, 0.05, 0.0], [0.25, 0.21, -0.07, 0.14, 0.01]]


def randomize(module: torch.nn.Module):
    """Moves every parameter off its initial value, so that no term of the model is idle."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


def save(name: str, **parts):
    tensors = {}
    for group, content in parts.items():
        if isinstance(content, torch.Tensor):
            tensors[group] = content.detach().contiguous()
        else:
            for key, value in content.items():
                tensors[f"{group}.{key}"] = value.detach().contiguous()
    save_file(tensors, OUT / f"{name}.safetensors")


def weights_of(name: str) -> dict[str, torch.Tensor]:
    """The weights in a fixture."""
    prefix = "weights."
    tensors = load_file(OUT / f"{name}.safetensors").items()
    return {key.removeprefix(prefix): x for key, x in tensors if key.startswith(prefix)}


def training():
    """Twenty steps of the transformer from the weights of its fixture: batches and their losses."""
    torch.manual_seed(1)
    model, teacher = Transformer(TINY), Teacher(TINY)
    model.load_state_dict(weights_of("transformer"))
    head = {key: value.detach().clone() for key, value in teacher.state_dict().items()}
    matrices, others = divide(model, teacher)
    optimizer = Muon(matrices, others, lr=LEARNING_RATE)
    average = Average(model, decay=0.998)

    batches, (b, t, h, w, c) = 4, (3, 3, 4, 6, 8)
    clean = torch.randn(batches, b, t, h, w, c)
    noise = torch.randn(batches, b, t, h, w, c)
    cover = torch.rand(batches, b, t, h, w).square()
    cover[:, 1:] *= torch.tensor([0.06, 0.01])[:, None, None, None]  # small subjects
    sigma = torch.sigmoid(0.8 + 0.8 * torch.randn(batches * b))
    sigma = sigma.reshape(batches, b, 1).repeat(1, 1, t)
    sigma[1, 0, 0] = sigma[2, 1, -1] = 0.0
    states = torch.randn(batches, b, 7, TINY.text.hidden_size)
    words = torch.tensor([[7, 4, 0], [5, 7, 6], [0, 0, 0], [3, 1, 7]])
    belief = torch.rand(batches, b, sum(TINY.text.slot_classes))
    cameras = 0.2 * torch.randn(batches, b, t, 5)
    cameras[:, :, 0] = cameras[0, 1] = cameras[3] = 0.0  # all of a batch may rest
    channels = torch.rand(c) + 0.5
    channels = channels / channels.mean()
    kinds = torch.tensor([[0, 11, -1], [3, 5, 1], [2, -1, 7], [-1, -1, -1]])
    colors = torch.tensor([[4, 0, -1], [11, 2, 8], [6, -1, 1], [-1, -1, -1]])

    losses = []
    for step in range(GOLDEN_STEPS):
        i = step % batches
        headers = [
            {"kind": KINDS[kind], "color": COLORS[color]} if kind >= 0 else {}
            for kind, color in zip(kinds[i].tolist(), colors[i].tolist())
        ]
        mask = torch.arange(7)[None] < words[i][:, None]
        noisy = noised(clean[i], noise[i], sigma[i])
        predicted, middle = model(
            noisy, sigma[i], states[i], belief[i], mask, cameras[i], middle=True
        )
        weight = latent_weight(sigma[i], cover[i])
        loss = velocity_loss(predicted, clean[i], sigma[i], weight, channels)
        moved = motion_loss(predicted, clean[i], sigma[i], weight, channels)
        taught = teacher.loss(middle, cover[i], headers)
        losses.append([loss.item(), moved.item(), taught.item()])
        optimizer.zero_grad(set_to_none=True)
        (loss + MOTION_WEIGHT * moved + TEACHER_WEIGHT * taught).backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * trapezoid(step, GOLDEN_STEPS, 5, 8)
        optimizer.step()
        average.update(model)
    save(
        "training",
        head=head,
        clean=clean,
        noise=noise,
        cover=cover,
        sigma=sigma,
        states=states,
        words=words.float(),
        belief=belief,
        cameras=cameras,
        channels=channels,
        kinds=kinds.float(),
        colors=colors.float(),
        losses=torch.tensor(losses),
        average=average.weights,
    )


def codec_training():
    """Twenty steps of the codec from the weights of its fixture, on crops that the test makes itself."""
    codec = Codec(TINY.codec)
    codec.load_state_dict(weights_of("codec"))
    trained = list(codec.parameters())
    others = [p for p in trained if p.ndim < 2]
    optimizer = Muon([p for p in trained if p.ndim >= 2], others, lr=LEARNING_RATE)
    average = Average(codec, decay=0.995)
    side = 64

    def crops(turn, frames):
        i = torch.arange(2 * frames * side * side * 3)
        film = ((i * 7919 + i // 97 * 31 + turn * 17) % 256).float() / 127.5 - 1
        i = torch.arange(2 * frames * side * side)
        mask = ((i + turn) // 5 % 7 == 0).float()
        i = torch.arange(2 * 2 * 2 * 2 * TINY.codec.latent_channels)
        noise = ((i * 263 + turn * 71) % 211).float() / 211 * 0.3 - 0.15
        return (
            film.reshape(2, frames, side, side, 3),
            mask.reshape(2, frames, side, side),
            noise.reshape(2, 2, 2, 2, -1),
        )

    told = []
    for step in range(GOLDEN_STEPS):
        starts = step % 2 == 0
        film, mask, noise = crops(step % 4, 9 if starts else 16)
        loss, terms = codec_losses(codec, film, mask, noise, starts, torch.float32)
        told.append([term.item() for term in terms])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * trapezoid(step, GOLDEN_STEPS, 5, 8)
        optimizer.step()
        average.update(codec)
    names = ["encoder.stem.weight", "decoder.levels.1.0.conv1.weight", "decoder.head.bias"]
    save(
        "codec_training",
        losses=torch.tensor(told),
        average={name: average.weights[name] for name in names},
    )


def text_training():
    """Twenty steps of the text encoder from the weights of its fixture, on words that the test makes
    itself. The second caption of a step is shorter, the third empty."""
    model = TextEncoder(TINY.text)
    model.load_state_dict(weights_of("text"))
    matrices = [p for n, p in model.named_parameters() if "blocks" in n and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizer = Muon(matrices, others, lr=LEARNING_RATE)
    average = Average(model, decay=0.995)
    lengths = torch.tensor([7, 4, 0])
    captions, words = torch.arange(3)[:, None], torch.arange(7)[None]
    mask = words < lengths[:, None]
    grams = torch.arange(8)
    told = []
    for step in range(GOLDEN_STEPS):
        turn = step % 4
        ids = (7 * words + 3 * captions + turn) % 40
        ngrams = (5 * ids[..., None] + 11 * grams) % 63 + 1
        ngrams = ngrams * (grams < ids[..., None] % 4)
        numbers = torch.where(ids % 3 == 0, ids / 2, float("nan"))
        slots = torch.stack([(captions[:, 0] + turn) % n for n in TINY.text.slot_classes], dim=1)
        _, logits = model(ids, ngrams, numbers, ids % 5, mask)
        loss = sum(F.cross_entropy(x, slots[:, i]) for i, x in enumerate(logits)) / len(logits)
        told.append(loss.item())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * trapezoid(step, GOLDEN_STEPS, 5, 8)
        optimizer.step()
        average.update(model)
    save("text_training", losses=torch.tensor(told), average=average.weights)


@torch.no_grad()
def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    (OUT / "config.json").write_text(json.dumps(asdict(TINY), indent=2) + "\n")

    codec = Codec(TINY.codec)
    randomize(codec)
    codec.mean.uniform_(-0.5, 0.5)
    codec.std.uniform_(0.5, 1.5)
    film = torch.rand(1, 17, 32, 64, 3) * 2 - 1
    latents = codec.encode(film)
    noise = torch.randn(1, 3, 2, 4, 8)
    save(
        "codec",
        weights=codec.state_dict(),
        film=film[0],
        latents=latents[0],
        sampled=noise[0],
        frames=codec.decode(noise)[0],
    )

    text = TextEncoder(TINY.text)
    randomize(text)
    words = torch.randint(0, 40, (1, 7))
    ngrams = torch.randint(0, 64, (1, 7, 8))
    ngrams[0, :, 5:] = 0
    ngrams[0, 3] = 0
    numbers = torch.tensor([[float("nan"), 2.0, float("nan"), 45.0, float("nan"), 0.5, 135.0]])
    units = torch.tensor([[0, 1, 0, 2, 0, 1, 3]])
    mask = torch.ones(1, 7, dtype=torch.bool)
    states, logits = text(words, ngrams, numbers, units, mask)
    nothing = [x[:, :1] for x in (words, ngrams, numbers, units)]
    _, empty_logits = text(*nothing, torch.zeros(1, 1, dtype=torch.bool))
    save(
        "text",
        weights=text.state_dict(),
        words=words[0].float(),
        ngrams=ngrams[0].float(),
        numbers=numbers[0],
        units=units[0].float(),
        states=states[0],
        belief=text.belief(logits),
        empty_belief=text.belief(empty_logits),
    )

    transformer = Transformer(TINY)
    randomize(transformer)
    noisy = torch.randn(1, 3, 4, 6, 8)
    sigma = torch.tensor([[0.0, 0.6, 0.9]])
    belief = text.belief(logits)
    camera = torch.tensor(CAMERA)[None]
    clean = transformer(noisy, sigma, states, belief, mask, camera)
    unsaid = transformer(
        noisy, sigma, states[:, :1], text.belief(empty_logits), torch.zeros(1, 1, dtype=torch.bool)
    )
    level = lambda s: torch.full((1, 3), s)
    sampled = euler(lambda x, s: transformer(x, level(s), states, belief, mask), noisy, steps=4)
    save(
        "transformer",
        weights=transformer.state_dict(),
        noisy=noisy[0],
        sigma=sigma[0],
        text_states=states[0],
        belief=belief,
        camera=camera[0],
        empty_belief=text.belief(empty_logits),
        clean=clean[0],
        clean_without_text=unsaid[0],
        euler4=sampled[0],
    )


if __name__ == "__main__":
    main()
    training()
    codec_training()
    text_training()
