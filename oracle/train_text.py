"""Pre-trains the text encoder to read slots from captions.

    python train_text.py --run RUNS/text --steps 3000 --minutes 15
"""

import argparse
import itertools

import torch
import torch.nn.functional as F

from native.captions import Captions
from native.config import Config
from native.film import captions
from native.muon import Average, Muon
from native.run import Run, cosine
from native.text import TextEncoder


def word_dropout(batch: Captions, rate: float):
    """Hides word ids (not n-grams) so that unknown words are read by their letters."""
    hidden = torch.rand(batch.words.shape) < rate
    batch.words[hidden] = 0


def accuracy(logits, slots):
    """Share of right slots, of right slots among the said ones, and of wholly right captions."""
    right = torch.stack([x.argmax(-1) for x in logits], dim=1) == slots
    said = slots > 0
    return right.float().mean(), right[said].float().mean(), right.all(1).float().mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = Config.load().text
    held_out = list(captions(11, 1024, "--split", "held-out"))
    model = TextEncoder(config)
    matrices = [p for n, p in model.named_parameters() if "blocks" in n and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizer = Muon(matrices, others, lr=args.lr)
    average = Average(model, decay=0.995)
    run = Run(args.run, args.minutes)
    if state := run.load():
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.steps = state["average"], state["step"]

    source = captions(5000 + run.step, 1 << 30)
    while not run.over(args.steps):
        headers = list(itertools.islice(source, args.batch))
        batch = Captions.collate(headers, config)
        word_dropout(batch, 0.05)
        slots = torch.tensor([h["slots"] for h in headers])
        _, logits = model(*batch.arguments())
        loss = sum(F.cross_entropy(x, slots[:, i]) for i, x in enumerate(logits)) / len(logits)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = args.lr * cosine(run.step, args.steps, warmup=50)
        optimizer.step()
        average.update(model)
        run.step += 1
        if run.step % 50 == 0:
            run.log(loss=loss)
        if run.step % 500 == 0 or run.over(args.steps):
            weights = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(average.weights)
            with torch.no_grad():
                _, logits = model(*Captions.collate(held_out, config).arguments())
            slots = torch.tensor([h["slots"] for h in held_out])
            every, said, whole = accuracy(logits, slots)
            model.load_state_dict(weights)
            run.log(slots=every, said=said, whole=whole)
            run.curve()
        if run.save_due() or run.over(args.steps):
            run.save(
                model=model.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.weights,
            )
    source.close()


if __name__ == "__main__":
    main()
