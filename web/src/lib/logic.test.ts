import { describe, expect, it } from "vitest";

import { compose, EMPTY } from "./builder";
import { wordDiff } from "./diff";
import { formOf, lengthsOf, requestOf, DEFAULT_FORM } from "./form";
import { ago, duration, timecode } from "./format";
import { marks, replaced } from "./marks";
import { fitted, leftOut } from "./remote";
import { actionOf } from "./shortcuts";
import { moved, newShot, paragraphs, pendingOf, requestOfShot, takeOf } from "./treatment";
import type { Model, Video } from "./types";

describe("builder", () => {
  it("makes one sentence of the answers", () => {
    const answers = {
      subject: "a dog",
      action: "walks ",
      setting: "in a field.",
      camera: "wide shot",
      light: "dawn,",
      motion: "slowly",
    };
    expect(compose(answers)).toBe("A dog walks slowly in a field, wide shot, dawn.");
  });

  it("leaves out what is not answered", () => {
    expect(compose({ ...EMPTY, light: "blue hour" })).toBe("Blue hour.");
    expect(compose(EMPTY)).toBe("");
  });
});

describe("word difference", () => {
  it("joins neighbours of a kind", () => {
    expect(wordDiff("a red ball rolls", "a big blue ball rolls")).toEqual([
      { kind: "same", text: "a" },
      { kind: "removed", text: "red" },
      { kind: "added", text: "big blue" },
      { kind: "same", text: "ball rolls" },
    ]);
  });

  it("takes empty texts", () => {
    expect(wordDiff("", "")).toEqual([]);
    expect(wordDiff("", "new words")).toEqual([{ kind: "added", text: "new words" }]);
    expect(wordDiff("old", " ")).toEqual([{ kind: "removed", text: "old" }]);
  });
});

describe("times", () => {
  it("counts frames", () => {
    expect(timecode(0, 24)).toBe("00:00:00");
    expect(timecode(1 + 7 / 24, 24)).toBe("00:01:07");
    expect(timecode(3 / 24, 24)).toBe("00:00:03");
    expect(timecode(61.5, 24)).toBe("01:01:12");
  });

  it("rounds what is only guessed", () => {
    expect(duration(0.3)).toBe("under 1 s");
    expect(duration(42.4)).toBe("42 s");
    expect(duration(600)).toBe("10 min");
    expect(ago(1000, 1030)).toBe("just now");
    expect(ago(1000, 1000 + 7200)).toBe("2 h ago");
  });
});

describe("marks", () => {
  it("counts bytes where the API does", () => {
    // "é" is two bytes, "🎬" four.
    const word = { text: "dawn", start: 13, end: 17, level: "weak" as const };
    expect(marks("café 🎬 → dawn!", [{ ...word, start: 15, end: 19 }])).toEqual([
      { text: "café 🎬 → " },
      { text: "dawn", level: "weak" },
      { text: "!" },
    ]);
  });

  it("replaces one word", () => {
    const word = { text: "dwan", start: 6, end: 10, level: "ignored" as const };
    expect(replaced("café dwan!", word, "dawn")).toBe("café dawn!");
  });

  it("keeps the text whole", () => {
    const word = (start: number, end: number) => ({
      text: "",
      start,
      end,
      level: "ignored" as const,
    });
    const text = "a dog runs";
    expect(
      marks(text, [word(2, 5), word(3, 5), word(6, 10)])
        .map((m) => m.text)
        .join(""),
    ).toBe(text);
  });
});

const MODEL: Model = {
  id: "kinora-1",
  owned_by: "kinora",
  leaves_machine: false,
  takes: null,
  seconds: null,
  about: "",
  sizes: ["576x320", "320x576"],
  shortest_seconds: 1,
  longest_seconds: 4,
  fps: 24,
  defaults: { steps: 20, draft_steps: 8, guidance: 3 },
  aliases: ["sora-2"],
};

describe("form", () => {
  it("offers the lengths that a model makes", () => {
    expect(lengthsOf(MODEL)).toEqual([1, 2, 3, 4]);
    expect(lengthsOf({ ...MODEL, shortest_seconds: 1.5, longest_seconds: 20 })).toEqual([
      2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20,
    ]);
    expect(lengthsOf({ ...MODEL, seconds: [4, 8] })).toEqual([4, 8]);
    expect(lengthsOf(null)).toEqual([1, 2, 3, 4]);
  });

  it("sends only what was chosen", () => {
    expect(requestOf({ ...DEFAULT_FORM, prompt: " a dog " })).toEqual({ prompt: "a dog" });
    const form = {
      ...DEFAULT_FORM,
      prompt: "x",
      shape: "9:16",
      resolution: "720p",
      stock: "kinora-bw",
      grain: true,
      variations: 3,
      steps: 12,
      seed: 7,
      lockSeed: true,
    };
    expect(requestOf(form)).toEqual({
      prompt: "x",
      aspect: "9:16",
      resolution: "720p",
      finish: "kinora-bw+grain",
      n: 3,
      num_inference_steps: 12,
      seed: 7,
    });
  });

  it("an exact size wins over the resolution", () => {
    expect(
      requestOf({ ...DEFAULT_FORM, prompt: "x", shape: "576x320", resolution: "720p" }),
    ).toEqual({ prompt: "x", size: "576x320" });
  });

  it("comes back from a clip as it was", () => {
    const clip = {
      prompt: "a dog",
      negative_prompt: null,
      model: "kinora-1",
      seconds: "2",
      size: "576x320",
      num_inference_steps: 20,
      guidance_scale: 3,
      finish: "kinora-250d+grain",
      draft: false,
      seed: 11,
      fps: 24,
    } as Video;
    const form = formOf(clip, MODEL);
    expect(form).toMatchObject({
      steps: null,
      guidance: null,
      stock: "kinora-250d",
      grain: true,
      vignette: false,
      seed: 11,
      lockSeed: true,
      seconds: 2,
      shape: "576x320",
    });
    expect(requestOf(form)).toMatchObject({ seed: 11, size: "576x320", seconds: 2 });
  });
});

describe("shortcuts", () => {
  const key = (key: string, more = {}) => ({
    key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    shiftKey: false,
    ...more,
  });
  it("letters are text while somebody writes", () => {
    expect(actionOf(key("r"), false)).toBe("remix");
    expect(actionOf(key("r"), true)).toBeNull();
    expect(actionOf(key("?", { shiftKey: true }), true)).toBeNull();
    expect(actionOf(key("Enter", { ctrlKey: true }), true)).toBe("run");
    expect(actionOf(key("Enter", { ctrlKey: true, shiftKey: true }), true)).toBe("runFirst");
    expect(actionOf(key("ArrowUp", { altKey: true }), true)).toBe("older");
  });
  it("leaves the browser's own keys alone", () => {
    expect(actionOf(key("r", { ctrlKey: true }), false)).toBeNull();
    expect(actionOf(key("X", { shiftKey: true }), false)).toBe("cancel");
    expect(actionOf(key("x"), false)).toBeNull();
  });
});

describe("treatment", () => {
  it("makes a shot of every paragraph", () => {
    const text =
      "1. A harbor at dawn,\n   fog.\r\n\r\n \t\n\nShot 2: A dog runs.\n\n- The sea.\n\n";
    expect(paragraphs(text)).toEqual(["A harbor at dawn, fog.", "A dog runs.", "The sea."]);
    expect(paragraphs("2 dogs run, 4.5 m apart")).toEqual(["2 dogs run, 4.5 m apart"]);
    expect(paragraphs(" \n\n ")).toEqual([]);
  });

  it("asks with the shot's own values over the shared ones", () => {
    const settings = { aspect: "9:16", seconds: 4 };
    const shot = { ...newShot(" a dog "), seconds: 2 };
    expect(requestOfShot(shot, settings, () => 5)).toEqual({
      prompt: "a dog",
      aspect: "9:16",
      seconds: 2,
      seed: 5,
    });
    expect(requestOfShot({ ...shot, seed: 0, seconds: null }, settings, () => 5)).toMatchObject({
      seconds: 4,
      seed: 0,
    });
  });

  it("takes the chosen clip, else the newest finished one", () => {
    const video = (id: string, status: Video["status"]) => ({ id, status }) as Video;
    const videos = {
      a: video("a", "completed"),
      b: video("b", "completed"),
      c: video("c", "queued"),
      d: video("d", "failed"),
    };
    const shot = { ...newShot("x"), video_ids: ["a", "gone", "b", "c", "d"] };
    expect(takeOf(shot, videos)?.id).toBe("b");
    expect(takeOf({ ...shot, video_id: "a" }, videos)?.id).toBe("a");
    expect(takeOf({ ...shot, video_id: "c" }, videos)?.id).toBe("b");
    expect(pendingOf(shot, videos)?.id).toBe("c");
    expect(takeOf(newShot("x"), videos)).toBeUndefined();
  });

  it("moves an element", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, -1)).toEqual(["c", "a", "b"]);
    expect(moved(["a"], 3, 0)).toEqual(["a"]);
  });
});

describe("remotes", () => {
  const far = {
    takes: ["seconds", "size", "input_reference"],
    sizes: ["1280x720", "720x1280"],
    seconds: [4, 8, 12],
  } as Model;
  const request = { prompt: "a dog", model: "far", n: 2, seed: 7, aspect: "9:16", seconds: 5 };

  it("are asked what they take, in the nearest size and length", () => {
    expect(fitted(request, far)).toEqual({
      prompt: "a dog",
      model: "far",
      n: 2,
      size: "720x1280",
      seconds: 4,
    });
    expect(leftOut(request, far)).toEqual(["seed", "seconds (4 instead)"]);
  });

  it("are asked for nothing that nobody asked for", () => {
    expect(fitted({ prompt: "a dog" }, far)).toEqual({ prompt: "a dog" });
    expect(leftOut({ prompt: "a dog", size: "720x1280" }, far)).toEqual([]);
  });

  it("leave requests to models of this machine as they are", () => {
    expect(fitted(request, { takes: null } as Model)).toBe(request);
    expect(leftOut(request, undefined)).toEqual([]);
  });
});
