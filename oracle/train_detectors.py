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

WEIGHTS = Path(__file__).resolve().parents[1] / "crates/measure/weights/detectors.safetensors"
KEY_FRAMES, CHANNELS, CELL = 5, 4, 4
SETTINGS, TIMES, WEATHERS, KINDS, COLORS, DIRECTIONS, MOVES = 10, 6, 5, 12, 12, 4, 11
GRID, FLOW_CHANNELS, PATH = 12, 24, 7
WIDTH = GRID * GRID * FLOW_CHANNELS + PATH  # numbers a clip in flow.bin
PAN_LEFT, PAN_RIGHT = 3, 4
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
    """`kinora_measure::scene::SceneNet`."""

    def __init__(self):
        super().__init__()
        widths = [(CHANNELS, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2)]
        widths += [(64, 64, 1), (64, 96, 2), (96, 96, 1), (96, 128, 2)]
        self.down = nn.ModuleList(Conv(i, o, 3, s) for i, o, s in widths)
        self.lateral = nn.ModuleList([Conv(96, 64, 1), Conv(64, 64, 1), Conv(32, 48, 1)])
        self.merge = nn.ModuleList([Conv(64, 48, 3), Conv(48, 32, 3)])
        self.subject = nn.Conv2d(32, 1 + KINDS + COLORS + DIRECTIONS + 1, 1)
        self.hidden = nn.Linear(352, 128)
        self.setting = nn.Linear(128, SETTINGS)
        self.time = nn.Linear(128, TIMES)
        self.weather = nn.Linear(128, WEATHERS)
        self.subject.weight.data *= 0.1

    def forward(self, x):
        """x [n, 4, h, w] -> logits of settings, times, weathers; subject maps [n, 30, h/4, w/4]."""
        d = lambda i, x: F.relu(self.down[i](x))
        quarter = d(2, d(1, d(0, x)))
        eighth = d(4, d(3, quarter))
        sixteenth = d(6, d(5, eighth))
        last = d(7, sixteenth)
        parts = [last.mean((2, 3)), last.amax((2, 3)), eighth.mean((2, 3)), quarter.mean((2, 3))]
        features = torch.cat(parts, 1)
        if self.training:
            features = F.dropout(features, 0.1)
        hidden = F.relu(self.hidden(features))
        up = lambda small, skip: F.interpolate(small, scale_factor=2)[..., : skip.shape[2], : skip.shape[3]] + skip
        coarse = F.relu(self.lateral[0](sixteenth))
        middle = F.relu(self.merge[0](F.relu(up(coarse, self.lateral[1](eighth)))))
        fine = F.relu(self.merge[1](F.relu(up(middle, self.lateral[2](quarter)))))
        return self.setting(hidden), self.time(hidden), self.weather(hidden), self.subject(fine)


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


def augment(x):
    """Blur, noise, gain and curve; x [n, 4, h, w] in 0..1, channels R G B unrest."""
    n, _, h, w = x.shape
    if random.random() < 0.5:
        scale = random.uniform(0.35, 0.9)
        small = F.interpolate(x, scale_factor=scale, mode="area" if random.random() < 0.5 else "bilinear")
        x = F.interpolate(small, size=(h, w), mode="bilinear")
    gain = 1 + torch.randn(n, 3, 1, 1) * 0.03
    curve = torch.randn(n, 1, 1, 1) * 0.08  # about a gamma, without its cost
    rgb = x[:, :3] * (gain + curve - curve * x[:, :3])
    unrest = x[:, 3:] * torch.exp(torch.randn(n, 1, 1, 1) * 0.15)
    if random.random() < 0.3:
        at = random.randrange(NOISE.numel() - rgb.numel())
        rgb = rgb + NOISE[at : at + rgb.numel()].view_as(rgb) * random.uniform(0, 0.03)
    return torch.cat([rgb.clamp(0, 1), unrest.clamp(0, 1)], 1)


def batch(data: Data, ids, train: bool):
    """Pixels [n, 4, h, w], subjects of cells, index entries, centres of members, flips.

    One random key frame a clip when training, all of one clip otherwise.
    """
    xs, ms, centers, flips = [], [], [], []
    for i in ids:
        entry = data.index[i]
        chosen = [random.randrange(KEY_FRAMES)] if train else list(range(KEY_FRAMES))
        x, m = data.clip(i, chosen)
        flip = train and random.random() < 0.5
        if flip:
            x, m = x[:, :, ::-1], m[:, :, ::-1]
        flips.append(flip)
        xs.append(np.ascontiguousarray(x))
        ms.append(np.ascontiguousarray(m))
        for k in chosen:
            members = []
            for _, (left, top, right, bottom) in entry["members"][k]:
                left, right, top, bottom = max(left, 0), min(right, 1), max(top, 0), min(bottom, 1)
                if right > left and bottom > top:
                    x_center = (left + right) / 2
                    x_center = 1 - x_center if flip else x_center
                    members.append((x_center, (top + bottom) / 2, right - left, bottom - top))
            centers.append(members)
    x = torch.from_numpy(np.concatenate(xs)).permute(0, 3, 1, 2).float() / 255
    return x, torch.from_numpy(np.concatenate(ms)).long(), [data.index[i] for i in ids], centers, flips


def density(centers, h: int, w: int):
    """One bump of sum 1 for every member, [n, h, w] cells."""
    ys, xs = torch.arange(h).float()[:, None] + 0.5, torch.arange(w).float()[None] + 0.5
    target = torch.zeros(len(centers), h, w)
    for n, members in enumerate(centers):
        for x, y, width, height in members:
            sx, sy = max(0.15 * width * w, 0.7), max(0.15 * height * h, 0.7)
            bump = torch.exp(-0.5 * ((xs - x * w) / sx) ** 2 - 0.5 * ((ys - y * h) / sy) ** 2)
            target[n] += bump / bump.sum().clamp(min=1e-3)
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


def scene_loss(model, data, ids):
    x, cells, entries, centers, flips = batch(data, ids, True)
    x = augment(x).contiguous(memory_format=torch.channels_last)
    kind, color, facing, on, weight = targets(entries, cells, flips)
    with torch.autocast("cpu", torch.bfloat16):
        setting, hour, weather, maps = model(x)
        label = lambda name: torch.tensor([e[name] for e in entries])
        rows = maps.permute(0, 2, 3, 1)
        off = F.cross_entropy(rows[..., : 1 + KINDS][~on], kind[~on], reduction="sum") / on.numel()
    loss = F.cross_entropy(setting.float(), label("setting"), label_smoothing=0.02)
    loss = loss + F.cross_entropy(hour.float(), label("time"), label_smoothing=0.02)
    loss = loss + F.cross_entropy(weather.float(), label("weather"), label_smoothing=0.02)
    loss = loss + 4 * off.float()
    here, weight = rows[on].float(), weight[on]
    total = weight.sum().clamp(min=1e-3)
    each = F.cross_entropy(here[:, : 1 + KINDS], kind[on], reduction="none")
    each = each + F.cross_entropy(here[:, 1 + KINDS : FACING], color[on], reduction="none")
    each = each + 0.5 * F.cross_entropy(here[:, FACING:-1], facing[on], reduction="none")
    want = density(centers, *cells.shape[1:])
    got = F.relu(rows[..., -1].float()) * DENSITY
    error = ((got - want) ** 2).sum((1, 2)) * 4 + (got.sum((1, 2)) - want.sum((1, 2))).abs()
    return loss + (weight * each).sum() / total + 0.3 * error.mean()


def camera_loss(model, data, ids):
    x = data.flow[ids].clone()
    y = torch.tensor([data.index[i]["camera"] for i in ids])
    flip = torch.rand(len(ids)) < 0.5
    flow = x[:, :-PATH].view(-1, GRID, GRID, FLOW_CHANNELS // 4, 4)
    mirrored = flow.flip(2) * torch.tensor([-1.0, 1, 1, 1])
    flow[flip] = mirrored[flip]
    x[flip, -PATH] *= -1
    x[flip, -PATH + 3] *= -1
    mirror = {PAN_LEFT: PAN_RIGHT, PAN_RIGHT: PAN_LEFT}
    y = torch.tensor([mirror.get(int(k), int(k)) if f else int(k) for k, f in zip(y, flip)])
    return F.cross_entropy(model(x), y, label_smoothing=0.05)


def decode(maps):
    """Kind and colour of the strongest subject of one clip; maps [k, 25, h, w]."""
    p = maps[:, : 1 + KINDS].softmax(1)
    area = p[:, 1:].sum((0, 2, 3))
    area = torch.cat([area[:3].sum(0, keepdim=True), area[3:]])
    best = int(area.argmax())
    group = [0, 1, 2] if best == 0 else [best + 2]
    weight = p[:, [g + 1 for g in group]].sum(1)
    weight = weight * (weight > 0.3)
    kinds = (maps[:, [g + 1 for g in group]] * weight[:, None]).sum((0, 2, 3))
    colors = (maps[:, 1 + KINDS : FACING].softmax(1) * weight[:, None]).sum((0, 2, 3))
    return group[int(kinds.argmax())], int(colors.argmax())


@torch.no_grad()
def evaluate(scene, camera, data, ids):
    scene.eval(), camera.eval()
    right = {n: [] for n in ["setting", "time", "weather", "figure", "kind", "color", "count", "camera"]}
    for i in ids:
        x, _, (e,), _, _ = batch(data, [i], False)
        setting, hour, weather, maps = scene(x.contiguous(memory_format=torch.channels_last))
        for name, logits in [("setting", setting), ("time", hour), ("weather", weather)]:
            right[name].append(int(logits.mean(0).argmax()) == e[name])
        right["camera"].append(int(camera(data.flow[i : i + 1]).argmax()) == e["camera"])
        if len(e["subjects"]) == 1:
            kind, color = decode(maps)
            want = e["subjects"][0]
            right["kind"].append(kind == want["kind"])
            right["figure"].append((kind < 3) == (want["kind"] < 3) and (kind < 3 or kind == want["kind"]))
            right["color"].append(color == want["color"])
            members = (F.relu(maps[:, -1]) * DENSITY).sum((1, 2)).median()
            right["count"].append(round(float(members)) == want["count"] or kind in (4, 8, 11))
    scene.train(), camera.train()
    return {n: round(100 * sum(v) / max(len(v), 1), 1) for n, v in right.items()}


def export(scene, camera):
    tensors = {}
    for prefix, model in [("scene", scene), ("camera", camera)]:
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--clips", type=int, default=20, help="clips a step")
    parser.add_argument("--resume", type=Path, help="checkpoint to start from and to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    data = Data(arguments.data)
    shapes = {}
    held = set(range(0, len(data.index), 12))
    for i, e in enumerate(data.index):
        if i not in held:
            shapes.setdefault((e["height"], e["width"]), []).append(i)
    groups = list(shapes.values())
    everything = [i for g in groups for i in g]
    scene, camera = SceneNet().to(memory_format=torch.channels_last), CameraNet()
    if arguments.resume and arguments.resume.exists():
        state = torch.load(arguments.resume)
        scene.load_state_dict(state["scene"]), camera.load_state_dict(state["camera"])
    parameters = list(scene.parameters()) + list(camera.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=0.02)
    average = [p.detach().clone() for p in parameters]
    start, step, shown, mean = time.time(), 0, 0.0, 0.0
    while (done := (time.time() - start) / (60 * arguments.minutes)) < 1:
        warm = min(1, (step + 1) / 50)
        optimizer.param_groups[0]["lr"] = 3e-3 * warm * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        group = random.choices(groups, [len(g) for g in groups])[0]
        ids = random.sample(group, min(arguments.clips, len(group)))
        loss = scene_loss(scene, data, ids)
        if step % 2:
            loss = loss + camera_loss(camera, data, random.sample(everything, min(64, len(everything))))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        keep = min(0.995, step / (step + 20))
        for a, p in zip(average, parameters):
            a.lerp_(p.detach(), 1 - keep)
        mean, step = 0.97 * mean + 0.03 * loss.item() if step else loss.item(), step + 1
        if time.time() - shown > 60:
            shown = time.time()
            print(f"{done:5.0%} step {step} loss {mean:.3f}", flush=True)
    for a, p in zip(average, parameters):
        p.data.copy_(a)
    print("held-out clips:", evaluate(scene, camera, data, sorted(held)))
    if arguments.resume:
        torch.save({"scene": scene.state_dict(), "camera": camera.state_dict()}, arguments.resume)
    export(scene, camera)


if __name__ == "__main__":
    main()
