// A treatment and its shots: one a paragraph, a blank line between.

import type { CreateRequest, Shot, Storyboard, Video } from "./types";

/** The paragraphs of a treatment; numbers and dashes in front of them are not part of the shot. */
export function paragraphs(text: string): string[] {
  return text
    .replace(/\r\n?/g, "\n")
    .split(/\n[^\S\n]*\n\s*/)
    .map((paragraph) =>
      paragraph
        .trim()
        .replace(/\s+/g, " ")
        .replace(/^(?:(?:shot\s+)?\d{1,3}\s*[.):]|shot\s+\d{1,3}\s*[-–]|[-–•*])\s+/i, ""),
    )
    .filter(Boolean);
}

const newId = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");

export const newShot = (prompt = ""): Shot => ({
  id: newId(),
  prompt,
  seconds: null,
  seed: null,
  video_ids: [],
  video_id: null,
});

/** What makes a take of a shot. */
export function requestOfShot(
  shot: Shot,
  settings: Storyboard["settings"],
  newSeed: () => number,
): CreateRequest {
  const request: CreateRequest = { ...settings, prompt: shot.prompt.trim() };
  if (shot.seconds !== null) request.seconds = shot.seconds;
  request.seed = shot.seed ?? newSeed();
  return request;
}

type Known = Record<string, Video | undefined>;

/** The take that is in the cut: the chosen one, else the newest finished one. */
export function takeOf(shot: Shot, videos: Known): Video | undefined {
  const finished = shot.video_ids
    .map((id) => videos[id])
    .filter((video) => video?.status === "completed");
  return finished.find((video) => video?.id === shot.video_id) ?? finished.at(-1);
}

/** The newest take that is not finished yet. */
export function pendingOf(shot: Shot, videos: Known): Video | undefined {
  return shot.video_ids
    .map((id) => videos[id])
    .findLast((video) => video?.status === "queued" || video?.status === "in_progress");
}

/** A clip's size and rate, which all clips of a cut share. */
export const shapeOf = (video: Video) =>
  `${video.size.replace("x", " × ")}, ${video.fps ?? "?"} fps`;

/** The list with one element in the place of another. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const rest = list.filter((_, index) => index !== from);
  const element = list[from];
  if (element === undefined) return [...list];
  rest.splice(Math.max(0, Math.min(rest.length, to)), 0, element);
  return rest;
}
