// The form of the Create view as plain values, and its way to a request and back from a clip.

import { EMPTY, type Answers } from "./builder";
import type { CreateRequest, Model, Video } from "./types";

export interface Form {
  prompt: string;
  negative: string;
  answers: Answers;
  model: string; // "" is the first model
  shape: string; // "", a shape such as "9:16", or an exact size such as "576x320"
  resolution: string; // "" is the model's own
  seconds: number | null;
  stock: string; // "" is none
  grain: boolean;
  vignette: boolean;
  seed: number | null;
  lockSeed: boolean;
  steps: number | null;
  guidance: number | null;
  variations: number;
  takes: number;
  loop: boolean;
  draft: boolean;
  remixOf: string | null;
  extendOf: string | null;
}

export const DEFAULT_FORM: Form = {
  prompt: "",
  negative: "",
  answers: EMPTY,
  model: "",
  shape: "",
  resolution: "",
  seconds: null,
  stock: "",
  grain: false,
  vignette: false,
  seed: null,
  lockSeed: false,
  steps: null,
  guidance: null,
  variations: 1,
  takes: 1,
  loop: false,
  draft: false,
  remixOf: null,
  extendOf: null,
};

export const SHAPES = ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"];
export const RESOLUTIONS = ["480p", "720p", "1080p"];
export const STOCKS: { id: string; name: string; about: string }[] = [
  { id: "kinora-250d", name: "250D daylight", about: "soft shoulder, warm highlights" },
  { id: "kinora-500t", name: "500T tungsten", about: "cool lifted shadows, warm lamps" },
  { id: "kinora-100r", name: "100R reversal", about: "deep blacks, strong colours" },
  { id: "kinora-bw", name: "Black and white", about: "silver, no colour" },
];

/** Whole seconds that are worth a choice. */
const LENGTHS = [...Array.from({ length: 12 }, (_, index) => index + 1), 15, 20, 30];

/** The lengths of clips to choose from: those that the model names, or whole seconds in its range. */
export function lengthsOf(model: Model | null | undefined): number[] {
  const { seconds = null, shortest_seconds = 1, longest_seconds = 4 } = model ?? {};
  return seconds ?? LENGTHS.filter((n) => n >= shortest_seconds && n <= longest_seconds);
}

/** A new seed: 31 bits are enough to never meet twice, and exact in every client's numbers. */
export const randomSeed = () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) >>> 1;

export const isExactSize = (shape: string) => /^\d+x\d+$/.test(shape);

export function finishOf(form: Pick<Form, "stock" | "grain" | "vignette">): string {
  return [form.stock, form.grain && "grain", form.vignette && "vignette"].filter(Boolean).join("+");
}

export function requestOf(form: Form): CreateRequest {
  const request: CreateRequest = { prompt: form.prompt.trim() };
  if (form.negative.trim()) request.negative_prompt = form.negative.trim();
  if (form.model) request.model = form.model;
  if (isExactSize(form.shape)) {
    request.size = form.shape;
  } else {
    if (form.shape) request.aspect = form.shape;
    if (form.resolution) request.resolution = form.resolution;
  }
  if (form.seconds !== null) request.seconds = form.seconds;
  const finish = finishOf(form);
  if (finish) request.finish = finish;
  if (form.seed !== null) request.seed = form.seed;
  if (form.steps !== null) request.num_inference_steps = form.steps;
  if (form.guidance !== null) request.guidance_scale = form.guidance;
  if (form.variations > 1) request.n = form.variations;
  if (form.takes > 1) request.best_of = form.takes;
  if (form.loop) request.loop = true;
  if (form.draft) request.draft = true;
  return request;
}

/** A remix keeps the old clip's value of every field left out, so here nothing is left out. */
export function remixRequestOf(form: Form, model: Model | undefined): CreateRequest {
  const request = requestOf(form);
  request.negative_prompt ??= "";
  request.finish ??= "none";
  request.draft ??= false;
  request.best_of ??= 1;
  request.loop ??= false;
  const steps = form.draft ? model?.defaults.draft_steps : model?.defaults.steps;
  const guidance = model?.defaults.guidance;
  if (typeof steps === "number") request.num_inference_steps ??= steps;
  if (typeof guidance === "number") request.guidance_scale ??= guidance;
  return request;
}

/** The form that makes the clip again. Values that are the model's defaults are left to it. */
export function formOf(video: Video, model: Model | undefined): Form {
  const parts = (video.finish ?? "").split("+");
  const steps = video.draft ? model?.defaults.draft_steps : model?.defaults.steps;
  const seconds = Number(video.seconds);
  return {
    ...DEFAULT_FORM,
    prompt: video.prompt,
    negative: video.negative_prompt ?? "",
    model: video.model,
    shape: video.size,
    seconds: Number.isFinite(seconds) ? seconds : null,
    stock: parts.find((part) => part.startsWith("kinora-")) ?? "",
    grain: parts.includes("grain"),
    vignette: parts.includes("vignette"),
    seed: video.seed,
    lockSeed: video.seed !== null,
    steps: video.num_inference_steps === steps ? null : video.num_inference_steps,
    guidance: video.guidance_scale === model?.defaults.guidance ? null : video.guidance_scale,
    takes: video.best_of,
    draft: video.draft,
  };
}
