// What a remote model is asked. It takes fewer fields than a model of this machine, and only some
// lengths and sizes: one prompt goes to both all the same.

import type { CreateRequest, Model } from "./types";

/** Fields that every model takes. */
const ALWAYS = ["prompt", "model", "n", "first"];

const NAMES: Record<string, string> = {
  negative_prompt: "without",
  num_inference_steps: "steps",
  guidance_scale: "guidance",
  aspect: "shape",
  best_of: "best of",
};

const shapeOf = (text: string) => {
  const [width = 16, height = 9] = text.split(/[x:]/).map(Number);
  return Math.log(width / height);
};

function nearest<T>(all: readonly T[], distance: (one: T) => number): T | undefined {
  return [...all].sort((a, b) => distance(a) - distance(b))[0];
}

/** The request as a model can be asked: nearest size and length, without what it does not take. */
export function fitted(request: CreateRequest, model: Model | undefined): CreateRequest {
  if (!model?.takes) return request;
  const takes = [...ALWAYS, ...model.takes];
  const fits = ([name]: [string, unknown]) => takes.includes(name);
  const asked = Object.fromEntries(Object.entries(request).filter(fits));
  const result: CreateRequest = { ...asked, prompt: request.prompt };
  const shape = request.size ?? request.aspect;
  if (shape !== undefined && !model.sizes.includes(shape)) {
    const size = nearest(model.sizes, (size) => Math.abs(shapeOf(size) - shapeOf(shape)));
    if (size) result.size = size;
  }
  const { seconds } = request;
  if (seconds !== undefined && model.seconds) {
    const length = nearest(model.seconds, (length) => Math.abs(length - seconds));
    if (length !== undefined) result.seconds = length;
  }
  return result;
}

/** What a model is not asked, or not exactly so, in words. */
export function leftOut(request: CreateRequest, model: Model | undefined): string[] {
  const result = fitted(request, model);
  const names = Object.keys(request) as (keyof CreateRequest)[];
  const meant = (name: keyof CreateRequest) =>
    request[name] !== result[name] && !(name === "aspect" && result.size);
  return names.filter(meant).map((name) => {
    const asked = result[name];
    const what = NAMES[name] ?? name;
    return asked === undefined ? what : `${what} (${asked} instead)`;
  });
}
