// What a player needs to know.

import * as api from "./api";
import type { Video } from "./types";

export interface Film {
  src: string;
  poster?: string;
  label: string;
  fps: number;
  frames: number;
}

export function framesOf(video: Video): number {
  return video.num_frames ?? Math.round(Number(video.seconds) * (video.fps ?? 24));
}

export const filmOf = (video: Video): Film => ({
  src: api.contentUrl(video.id, "video"),
  poster: api.contentUrl(video.id, "thumbnail"),
  label: video.prompt,
  fps: video.fps ?? 24,
  frames: framesOf(video),
});
