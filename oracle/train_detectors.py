"""Trains the small networks of `kinora-measure` on true renders and writes its weight file.

    kinora-train detectors --out DIR --clips 3000
    nice -n 19 python oracle/train_detectors.py DIR --minutes 8

The features come from the Rust crate itself, so that training and use see the same numbers.
Nothing here ever sees an output of a model; blur, noise and shifts of colour stand in for it.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from native.run import compute_dtype

WEIGHTS = Path(__file__).resolve().parents[1] / "crates/measure/weights/detectors.safetensors"
KEY_FRAMES, CHANNELS, CELL = 5, 4, 4
SETTINGS, TIMES, WEATHERS, KINDS, COLORS, DIRECTIONS, MOVES = 10, 6, 5, 12, 12, 4, 11
GRID, FLOW_CHANNELS, PATH = 12, 24, 7
WIDTH = GRID * GRID * FLOW_CHANNELS + PATH  # numbers a clip in flow.bin
# Static, push in, pull back, pan left, right, tilt up, down, crane up, down, tracking, handheld.
MIRRORED = torch.tensor([0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10])
BACKWARD = torch.tensor([0, 2, 1, 4, 3, 6, 5, 8, 7, 9, 10])
FACING = 1 + KINDS + COLORS  # first channel of directions
DENSITY = 0.1  # members a cell that one unit of the network's last channel stands for
NOISE = torch.randn(6_000_000)  # drawn once: drawing it costs more than the network


class Data:
    """The folders that `kinora-train detectors` writes."""

    def __init__(self, folders: list[Path]):
        self.index, self.files, flow = [], [], []
        for number, folder in enumerate(folders):
            self.files.append([np.memmap(folder / n, np.uint8, "r") for n in ("pixels.bin", "cells.bin")])
            # Numbers are written last of a clip: a folder that is still growing is read up to them.
            rows = np.fromfile(folder / "flow.bin", np.float32)
            rows = rows[: len(rows) // WIDTH * WIDTH].reshape(-1, WIDTH)
            entries = [json.loads(line) for line in (folder / "index.jsonl").open() if line.endswith("\n")]
            whole = [e for e in entries if self._fits(e, number)][: len(rows)]
            self.index += [e | {"folder": number} for e in whole]
            flow.append(torch.from_numpy(rows[: len(whole)]))
        self.flow = torch.cat(flow)

    def _fits(self, e, number: int) -> bool:
        area = e["height"] * e["width"] * KEY_FRAMES
        pixels, cells = self.files[number]
        return e["pixels"] + area * CHANNELS <= len(pixels) and e["cells"] + area // CELL**2 <= len(cells)

    def clip(self, i: int, frames) -> tuple[np.ndarray, np.ndarray]:
        """Key frames [k, h, w, 4] and the subject of each cell [k, h/4, w/4]."""
        e = self.index[i]
        h, w = e["height"], e["width"]
        size, cells = h * w * CHANNELS, (h // CELL) * (w // CELL)
        at = e["pixels"]
        pixels, subjects = self.files[e["folder"]]
        x = [pixels[at + k * size : at + (k + 1) * size] for k in frames]
        m = [subjects[e["cells"] + k * cells : e["cells"] + (k + 1) * cells] for k in frames]
        return (
            np.stack(x).reshape(len(frames), h, w, CHANNELS),
            np.stack(m).reshape(len(frames), h // CELL, w // CELL),
        )


def overviews(data: Data):
    """Overviews of every key frame, clean and spoiled: {(h, w): (ids, [n, 2, k, 6, h/4, w/4])}."""
    shapes = {}
    for i, e in enumerate(data.index):
        shapes.setdefault((e["height"], e["width"]), []).append(i)
    cached = {}
    for shape, ids in shapes.items():
        views = []
        for i in ids:
            x, _ = data.clip(i, range(KEY_FRAMES))
            x = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
            pair = [x, blur(x, random.uniform(0.35, 0.8))]
            views.append(torch.stack([SceneNet.overview(x.permute(0, 2, 3, 1)) for x in pair]).bfloat16())
        cached[shape] = (ids, torch.stack(views).permute(0, 1, 2, 5, 3, 4))
    return cached


class Conv(nn.Module):
    """A convolution and a batch norm, which is folded into it when the weights are written."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, momentum=0.05)

    def forward(self, x):
        return self.norm(self.conv(x))

    def folded(self):
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        bias = self.norm.bias - self.norm.running_mean * scale
        return self.conv.weight * scale[:, None, None, None], bias


class SceneNet(nn.Module):
    """The first half of `kinora_measure::scene::SceneNet`: the whole picture in few cells."""

    def __init__(self):
        super().__init__()
        widths = [(CHANNELS + 2, 32, 1), (32, 48, 2), (48, 64, 2), (64, 96, 2)]
        self.conv = nn.ModuleList(Conv(i, o, 3, s) for i, o, s in widths)
        self.hidden = nn.Linear(2 * 96 + 2 * 48 + 32, 128)
        self.setting = nn.Linear(128, SETTINGS)
        self.time = nn.Linear(128, TIMES)
        self.weather = nn.Linear(128, WEATHERS)

    @staticmethod
    def overview(x):
        """`kinora_measure::scene::overview`: [n, h, w, 4] -> [n, h/4, w/4, 6]."""
        n, h, w, c = x.shape
        pool = lambda x: x.reshape(n, h // CELL, CELL, w // CELL, -1).sum(2).view(n, h // CELL, w // CELL, CELL, -1).sum(3)
        luma = x[..., :3].sum(3) / 3
        across = F.pad((luma[:, :, 1:] - luma[:, :, :-1]).abs(), (0, 1)) * 4
        down = F.pad((luma[:, 1:] - luma[:, :-1]).abs(), (0, 0, 0, 1)) * 4
        return torch.cat([pool(x), pool(across), pool(down)], 3) / CELL**2

    def forward(self, overview):
        """[n, 6, h/4, w/4] -> logits of settings, times, weathers."""
        full = F.relu(self.conv[0](overview))
        half = F.relu(self.conv[1](full))
        last = F.relu(self.conv[3](F.relu(self.conv[2](half))))
        parts = [last.mean((2, 3)), last.amax((2, 3)), half.mean((2, 3)), half.amax((2, 3))]
        features = torch.cat([*parts, full.mean((2, 3))], 1)
        if self.training:
            features = F.dropout(features, 0.15)
        hidden = F.relu(self.hidden(features))
        return self.setting(hidden), self.time(hidden), self.weather(hidden)


class SubjectNet(nn.Module):
    """The second half: what stands in every cell."""

    def __init__(self):
        super().__init__()
        widths = [(CHANNELS, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2)]
        widths += [(64, 64, 1), (64, 96, 2), (96, 96, 1)]
        self.down = nn.ModuleList(Conv(i, o, 3, s) for i, o, s in widths)
        self.lateral = nn.ModuleList([Conv(96, 64, 1), Conv(64, 64, 1), Conv(32, 48, 1)])
        self.merge = nn.ModuleList([Conv(64, 48, 3), Conv(48, 32, 3)])
        self.head = nn.Conv2d(32, 1 + KINDS + COLORS + DIRECTIONS + 1, 1)
        self.head.weight.data *= 0.1

    def forward(self, x):
        """x [n, 4, h, w] -> subject maps [n, 30, h/4, w/4]."""
        d = lambda i, x: F.relu(self.down[i](x))
        quarter = d(2, d(1, d(0, x)))
        eighth = d(4, d(3, quarter))
        sixteenth = d(6, d(5, eighth))
        up = lambda small, skip: F.interpolate(small, scale_factor=2)[..., : skip.shape[2], : skip.shape[3]] + skip
        coarse = F.relu(self.lateral[0](sixteenth))
        middle = F.relu(self.merge[0](F.relu(up(coarse, self.lateral[1](eighth)))))
        return self.head(F.relu(self.merge[1](F.relu(up(middle, self.lateral[2](quarter))))))


class CameraNet(nn.Module):
    """`kinora_measure::camera_net::CameraNet`."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(FLOW_CHANNELS, 48, 3, 1, 1)
        self.conv1 = nn.Conv2d(48, 48, 3, 2, 1)
        self.hidden = nn.Linear((GRID // 2) ** 2 * 48 + PATH, 64)
        self.head = nn.Linear(64, MOVES)

    def forward(self, x):
        flow, path = x[:, :-PATH], x[:, -PATH:]
        flow = flow.view(-1, GRID, GRID, FLOW_CHANNELS).permute(0, 3, 1, 2)
        if self.training:
            flow = flow + torch.randn_like(flow) * 0.03
        y = F.relu(self.conv1(F.relu(self.conv0(flow))))
        y = torch.cat([y.permute(0, 2, 3, 1).flatten(1), path], 1)
        if self.training:
            y = F.dropout(y, 0.3)
        return self.head(F.relu(self.hidden(y)))


def blur(x, scale: float):
    small = F.interpolate(x, scale_factor=scale, mode="bilinear")
    return F.interpolate(small, size=x.shape[2:], mode="bilinear")


def augment(x):
    """Gain, curve and noise; x [n, c, h, w] in 0..1, channels R G B unrest (steps)."""
    n = x.shape[0]
    gain = 1 + torch.randn(n, 3, 1, 1) * 0.03
    curve = torch.randn(n, 1, 1, 1) * 0.08  # about a gamma, without its cost
    rgb = x[:, :3] * (gain + curve - curve * x[:, :3])
    rest = x[:, 3:] * torch.exp(torch.randn(n, 1, 1, 1) * 0.15)
    if random.random() < 0.3:
        at = random.randrange(NOISE.numel() - rgb.numel())
        rgb = rgb + NOISE[at : at + rgb.numel()].view_as(rgb) * random.uniform(0, 0.03)
    return torch.cat([rgb, rest], 1).clamp(0, 1)


def crops(data: Data, ids, size: int):
    """Square crops of random key frames, most of them with a subject in it.

    Pixels [n, 4, size, size], subjects of cells, entries, centres of members, flips.
    """
    xs, ms, centers, flips = [], [], [], []
    for i in ids:
        entry, k = data.index[i], random.randrange(KEY_FRAMES)
        (x,), (m,) = data.clip(i, [k])
        cells = size // CELL
        rows, columns = m.shape
        top, left = random.randrange(rows - cells + 1), random.randrange(columns - cells + 1)
        points = np.argwhere(m) if random.random() < 0.85 else ()
        if len(points):
            row, column = points[random.randrange(len(points))]
            top = int(np.clip(row - random.randrange(cells), 0, rows - cells))
            left = int(np.clip(column - random.randrange(cells), 0, columns - cells))
        x = x[top * CELL : top * CELL + size, left * CELL : left * CELL + size]
        m = m[top : top + cells, left : left + cells]
        flip = random.random() < 0.5
        members = []
        for _, (l, t, r, b) in entry["members"][k]:
            l, r, t, b = max(l, 0) * columns, min(r, 1) * columns, max(t, 0) * rows, min(b, 1) * rows
            if r > l and b > t:
                at = (l + r) / 2 - left
                members.append((cells - at if flip else at, (t + b) / 2 - top, r - l, b - t))
        xs.append(x[:, ::-1] if flip else x)
        ms.append(m[:, ::-1] if flip else m)
        centers.append(members)
        flips.append(flip)
    x = torch.from_numpy(np.stack(xs)).permute(0, 3, 1, 2).float() / 255
    return x, torch.from_numpy(np.stack(ms)).long(), [data.index[i] for i in ids], centers, flips


def density(centers, h: int, w: int):
    """One bump of sum 1 (in an endless picture) for every member, [n, h, w] cells."""
    ys, xs = torch.arange(h).float()[:, None] + 0.5, torch.arange(w).float()[None] + 0.5
    target = torch.zeros(len(centers), h, w)
    for n, members in enumerate(centers):
        for x, y, width, height in members:
            sx, sy = max(0.15 * width, 0.7), max(0.15 * height, 0.7)
            bump = torch.exp(-0.5 * ((xs - x) / sx) ** 2 - 0.5 * ((ys - y) / sy) ** 2)
            target[n] += bump / (2 * np.pi * sx * sy)
    return target


def targets(entries, cells, flips):
    """Kind (0 none), colour and direction of each cell, and its weight within its frame."""
    kind, color, facing = (torch.zeros_like(cells) for _ in range(3))
    for c, e in enumerate(entries):
        for s, subject in enumerate(e["subjects"]):
            here = cells[c] == s + 1
            kind[c][here] = subject["kind"] + 1
            color[c][here] = subject["color"]
            way = subject.get("direction", -100)
            facing[c][here] = 1 - way if flips[c] and 0 <= way < 2 else way
    on = kind > 0
    weight = on / (on.sum((1, 2), keepdim=True).clamp(min=4)) ** 0.7
    return kind, color, facing, on, weight


def scene_loss(model, data, cached, train: set, count: int):
    ids, views = random.choices(list(cached.values()), [len(ids) for ids, _ in cached.values()])[0]
    chosen = [k for k in random.choices(range(len(ids)), k=count) if ids[k] in train]
    x = torch.stack([views[k, random.randrange(2), random.randrange(KEY_FRAMES)] for k in chosen]).float()
    flip = torch.rand(len(chosen)) < 0.5
    x[flip] = x[flip].flip(3)
    with torch.autocast("cpu", torch.bfloat16, enabled=compute_dtype("cpu") == torch.bfloat16):
        logits = model(augment(x).contiguous(memory_format=torch.channels_last))
    loss = 0
    for name, part in zip(("setting", "time", "weather"), logits):
        want = torch.tensor([data.index[ids[k]][name] for k in chosen])
        loss = loss + F.cross_entropy(part.float(), want, label_smoothing=0.02)
    return loss


def subject_loss(model, data, ids, size: int):
    x, cells, entries, centers, flips = crops(data, ids, size)
    if random.random() < 0.4:
        x = blur(x, random.uniform(0.35, 0.9))
    x = augment(x).contiguous(memory_format=torch.channels_last)
    kind, color, facing, on, weight = targets(entries, cells, flips)
    with torch.autocast("cpu", torch.bfloat16, enabled=compute_dtype("cpu") == torch.bfloat16):
        maps = model(x)
    rows = maps.permute(0, 2, 3, 1).float()
    off = F.cross_entropy(rows[..., : 1 + KINDS][~on], kind[~on], reduction="sum") / on.numel()
    here, weight = rows[on], weight[on]
    each = F.cross_entropy(here[:, : 1 + KINDS], kind[on], reduction="none")
    each = each + F.cross_entropy(here[:, 1 + KINDS : FACING], color[on], reduction="none")
    each = each + 0.5 * F.cross_entropy(here[:, FACING:-1], facing[on], reduction="none")
    want = density(centers, *cells.shape[1:])
    got = F.relu(rows[..., -1]) * DENSITY
    error = ((got - want) ** 2).sum((1, 2)) * 4 + (got.sum((1, 2)) - want.sum((1, 2))).abs()
    return 4 * off + (weight * each).sum() / weight.sum().clamp(min=1e-3) + 0.3 * error.mean()


def camera_loss(model, data, ids):
    """Half of the clips mirrored, half run backward."""
    x = data.flow[ids].clone()
    y = torch.tensor([data.index[i]["camera"] for i in ids])
    flow = x[:, :-PATH].view(-1, GRID, GRID, FLOW_CHANNELS // 4, 4)
    flip = torch.rand(len(ids)) < 0.5
    flow[flip] = flow[flip].flip(2) * torch.tensor([-1.0, 1, 1, 1])
    x[flip, -PATH] *= -1
    x[flip, -PATH + 3] *= -1
    y[flip] = MIRRORED[y[flip]]
    back = torch.rand(len(ids)) < 0.5
    flow[back] = flow[back].flip(3) * torch.tensor([-1.0, -1, 1, 1])
    x[back, -PATH : -PATH + 5] *= -1
    y[back] = BACKWARD[y[back]]
    return F.cross_entropy(model(x), y, label_smoothing=0.05)


def decode(maps):
    """Kind, colour and direction of the strongest subject of one clip; maps [k, 30, h, w]."""
    p = maps[:, : 1 + KINDS].softmax(1)
    area = p[:, 1:].sum((0, 2, 3))
    area = torch.cat([area[:3].sum(0, keepdim=True), area[3:]])
    best = int(area.argmax())
    group = [0, 1, 2] if best == 0 else [best + 2]
    weight = p[:, [g + 1 for g in group]].sum(1)
    weight = weight * (weight > 0.3)
    kinds = (maps[:, [g + 1 for g in group]] * weight[:, None]).sum((0, 2, 3))
    colors = (maps[:, 1 + KINDS : FACING].softmax(1) * weight[:, None]).sum((0, 2, 3))
    facings = (maps[:, FACING:-1].softmax(1) * weight[:, None]).sum((0, 2, 3))
    return group[int(kinds.argmax())], int(colors.argmax()), int(facings.argmax())


@torch.no_grad()
def evaluate(nets, data, ids):
    for net in nets.values():
        net.eval()
    names = ["setting", "time", "weather", "figure", "kind", "color", "count", "facing", "camera"]
    right = {name: [] for name in names}
    for i in ids:
        e = data.index[i]
        x, _ = data.clip(i, list(range(KEY_FRAMES)))
        x = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2).float() / 255
        for name, logits in zip(names, nets["scene"](nets["scene"].overview(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))):
            right[name].append(int(logits.mean(0).argmax()) == e[name])
        if e["camera"] is not None:
            move = nets["camera"](data.flow[i : i + 1]).argmax()
            right["camera"].append(int(move) == e["camera"])
        if len(e["subjects"]) == 1:
            maps = nets["subject"](x)
            kind, color, facing = decode(maps)
            want = e["subjects"][0]
            right["kind"].append(kind == want["kind"])
            right["figure"].append((kind < 3) == (want["kind"] < 3) and (kind < 3 or kind == want["kind"]))
            right["color"].append(color == want["color"])
            right["facing"].append(facing == want["direction"])
            members = (F.relu(maps[:, -1]) * DENSITY).sum((1, 2)).median()
            right["count"].append(round(float(members)) == want["count"] or want["kind"] in (4, 8, 11))
    for net in nets.values():
        net.train()
    return {n: round(100 * sum(v) / max(len(v), 1), 1) for n, v in right.items()}


def export(nets):
    tensors = {}
    for prefix, model in nets.items():
        for name, layer in model.named_modules():
            if isinstance(layer, Conv):
                weight, bias = layer.folded()
            elif isinstance(layer, (nn.Conv2d, nn.Linear)) and not name.endswith(".conv"):
                weight, bias = layer.weight, layer.bias
            else:
                continue
            weight = weight[:, :, None, None] if weight.dim() == 2 else weight
            name = f"{prefix}.{name.replace('.', '')}"
            tensors[f"{name}.weight"] = weight.detach().permute(2, 3, 1, 0).half().contiguous()
            tensors[f"{name}.bias"] = bias.detach().half().contiguous()
    WEIGHTS.parent.mkdir(exist_ok=True)
    save_file(tensors, WEIGHTS)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e6:.2f} MB")


def train(name: str, net, data: Data, train_ids: list, minutes: float):
    """AdamW with a cosine, and the mean of the last weights."""
    cached = overviews(data) if name == "scene" else None
    followed = [i for i in train_ids if data.index[i]["camera"] is not None]
    known = set(train_ids)

    def loss():
        if name == "scene":
            return scene_loss(net, data, cached, known, 32)
        if name == "camera":
            return camera_loss(net, data, random.sample(followed, min(64, len(followed))))
        # Small crops teach most for their cost; some must be large, for the largest subjects.
        size, clips = random.choices([(64, 48), (96, 24), (144, 10)], [0.3, 0.5, 0.2])[0]
        return subject_loss(net, data, random.sample(train_ids, min(clips, len(train_ids))), size)

    parameters = list(net.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=0.02)
    average = [p.detach().clone() for p in parameters]
    start, step, shown, mean = time.time(), 0, time.time(), None
    while (done := (time.time() - start) / (60 * minutes)) < 1:
        warm = min(1, (step + 1) / 50)
        optimizer.param_groups[0]["lr"] = 3e-3 * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))
        value = loss()
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        keep = min(0.98, step / (step + 20))
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - keep)
        mean = value.item() if mean is None else 0.97 * mean + 0.03 * value.item()
        step += 1
        if time.time() - shown > 30:
            shown = time.time()
            print(f"{name} {done:5.0%} step {step} loss {mean:.3f}", flush=True)
    for a, p in zip(average, parameters):
        p.data.copy_(a)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="+", help="folders; checkpoints lie in the first")
    parser.add_argument("--minutes", type=float, default=9, help="in all")
    parser.add_argument("--net", choices=["scene", "subject", "camera"], help="only this one")
    parser.add_argument("--fresh", action="store_true", help="do not go on from a checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    data = Data(arguments.data)
    held = range(0, len(data.index), 12)
    train_ids = [i for i in range(len(data.index)) if i % 12]
    nets = {"scene": SceneNet(), "subject": SubjectNet(), "camera": CameraNet()}
    checkpoint = lambda name: arguments.data[0] / f"{name}.pt"
    for name, net in nets.items():
        if checkpoint(name).exists() and not (arguments.fresh and arguments.net in (None, name)):
            net.load_state_dict(torch.load(checkpoint(name)))
    shares = {arguments.net: 1.0} if arguments.net else {"scene": 0.25, "camera": 0.1, "subject": 0.65}
    for name, share in shares.items():
        train(name, nets[name], data, train_ids, arguments.minutes * share)
        torch.save(nets[name].state_dict(), checkpoint(name))
    print("held-out clips:", evaluate(nets, data, held), flush=True)
    export(nets)


if __name__ == "__main__":
    main()
