// The documents of the API, as docs/api.md describes them.

export type Status = "queued" | "in_progress" | "completed" | "failed";

export interface Video {
  id: string;
  object: "video";
  model: string;
  status: Status;
  progress: number;
  created_at: number;
  completed_at: number | null;
  prompt: string;
  size: string;
  seconds: string;
  remixed_from_video_id: string | null;
  error: { code: string; message: string } | null;
  seed: number | null;
  negative_prompt: string | null;
  num_inference_steps: number | null;
  guidance_scale: number | null;
  fps: number | null;
  num_frames: number | null;
  width: number | null;
  height: number | null;
  finish: string | null;
  draft: boolean;
  model_hash: string | null;
  notes: string[] | string | null;
  variation_ids: string[] | null;
  best_of: number;
  adherence: Adherence | null;
  starred: boolean;
  /** Whether another machine makes it. */
  leaves_machine: boolean;
  remote_id: string | null;
}

/** What detectors see of a prompt in a finished clip. */
export interface Adherence {
  satisfied: number;
  checkable: number;
  clauses: {
    slot: string;
    asked: string;
    shown?: string;
    verdict: "satisfied" | "not_satisfied" | "not_checkable";
  }[];
}

export interface Page<T> {
  object: "list";
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

export interface Model {
  id: string;
  owned_by: string;
  about: string;
  /** Whether prompts and pictures go to another machine. */
  leaves_machine: boolean;
  /** The fields that a remote takes; null: all. */
  takes: string[] | null;
  sizes: string[];
  /** The only lengths that a remote makes; null: any between the next two. */
  seconds: number[] | null;
  shortest_seconds: number;
  longest_seconds: number;
  fps: number | null;
  defaults: { steps: number | null; draft_steps: number | null; guidance: number | null };
  aliases: string[];
}

/** The queue; `queued` holds the next one first. */
export interface Queue {
  object: "queue";
  paused: boolean;
  in_progress: Video[];
  queued: Video[];
  queued_count: number;
}

export interface Shot {
  id: string;
  prompt: string;
  /** Null is the length that the settings say. */
  seconds: number | null;
  /** Null is a new one for every take. */
  seed: number | null;
  /** Its takes, oldest first. */
  video_ids: string[];
  /** The take for the cut; null is the newest finished one. */
  video_id: string | null;
}

export interface Storyboard {
  id: string;
  object: "storyboard";
  title: string;
  created_at: number;
  updated_at: number;
  revision: number;
  shot_count: number;
  settings: Omit<CreateRequest, "prompt" | "n" | "seed" | "first">;
  shots: Shot[];
}

/** The body of a create or a remix. A field left out takes the prompt's or the model's value. */
export interface CreateRequest {
  prompt: string;
  model?: string;
  seconds?: number;
  size?: string;
  negative_prompt?: string;
  seed?: number;
  num_inference_steps?: number;
  guidance_scale?: number;
  aspect?: string;
  resolution?: string;
  finish?: string;
  draft?: boolean;
  n?: number;
  /** Takes, of which the one that shows most of the prompt is kept. */
  best_of?: number;
  /** End as it begins. */
  loop?: boolean;
  /** To the front of the queue. */
  first?: boolean;
}

export const LAYERS = ["subject", "action", "setting", "camera", "light"] as const;
export type Layer = (typeof LAYERS)[number];
export type Level = "understood" | "weak" | "approximated" | "ignored";

export interface WordReport {
  text: string;
  /** Byte offsets in the UTF-8 prompt, not string indices. */
  start: number;
  end: number;
  level: Level;
  slot?: string;
  as?: string;
  accuracy?: number;
  suggestion?: string;
}

export interface Analysis {
  prompt: string;
  model: string;
  /** The category that refuses it or, of a prompt that is allowed, that the user is told of. */
  moderation: { allowed: boolean; category: string | null };
  text: string;
  format: { aspect?: string; seconds?: number; resolution?: string; fps?: number };
  layers: { layer: Layer; found: boolean; words: string[] }[];
  coverage: number;
  words: WordReport[];
  hints: { strength: "strong" | "weak"; layer?: Layer; text: string }[];
}

export interface PromptEntry {
  id: string;
  object: "prompt";
  created_at: number;
  prompt: string;
  negative_prompt: string | null;
  model: string;
  parameters: Record<string, unknown> | null;
  decision: string;
  warning: string | null;
  video_ids: string[];
  parent_id: string | null;
  rating: number | null;
  note: string | null;
}

/** What the event stream has told about an unfinished clip. */
export interface Live {
  position?: number;
  stage?: string;
  step?: number;
  total?: number;
  progress?: number;
  eta_seconds?: number | null;
  /** A data URL of the newest preview. */
  preview?: string;
}
