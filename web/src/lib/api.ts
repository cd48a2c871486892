// The client: one function a call of docs/api.md.

import type {
  Analysis,
  CreateRequest,
  Live,
  Model,
  Page,
  PromptEntry,
  Queue,
  Status,
  Storyboard,
  Video,
} from "./types";

/** An answer that says no, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly param: string | null,
  ) {
    super(message);
  }
}

async function send(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Response> {
  const init: RequestInit = { method, headers };
  if (body instanceof FormData) {
    init.body = body;
  } else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, "content-type": "application/json" };
    // What is stored while the page closes still arrives; browsers allow 64 KiB of that.
    init.keepalive = method === "PUT" && init.body.length < 16_000;
  }
  try {
    return await fetch(path, init);
  } catch {
    throw new ApiError("The studio does not answer. Is kinora still running?", 0, "offline", null);
  }
}

async function call<T>(method: string, path: string, body?: unknown, headers = {}): Promise<T> {
  return read(await send(method, path, body, headers));
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text();
  let document: unknown;
  try {
    document = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(
      `The studio answered ${response.status} without JSON.`,
      response.status,
      "not_json",
      null,
    );
  }
  if (!response.ok) {
    const error = (document as { error?: Partial<ApiError> } | null)?.error;
    throw new ApiError(
      error?.message ?? `The studio answered ${response.status}.`,
      response.status,
      error?.code ?? "unknown",
      error?.param ?? null,
    );
  }
  return document as T;
}

function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) {
      search.set(key, String(value));
    }
  }
  const text = search.toString();
  return text && `?${text}`;
}

const video = (id: string) => `/v1/videos/${encodeURIComponent(id)}`;

type Extension = CreateRequest & { video: { id: string } };

/** The request as a form with the picture that the clip begins with. */
function form(request: CreateRequest, picture: File): FormData {
  const fields = new FormData();
  for (const [name, value] of Object.entries(request)) fields.set(name, String(value));
  fields.set("input_reference", picture);
  return fields;
}

/** Sends a create or remix; a lost answer is asked for once more, and the key keeps it one clip. */
async function submit(path: string, request: CreateRequest | Extension | FormData): Promise<Video> {
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join(
    "-",
  );
  const headers = { "idempotency-key": key };
  try {
    return await call("POST", path, request, headers);
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) {
      return call("POST", path, request, headers);
    }
    throw error;
  }
}

export interface VideoFilter {
  after?: string | null;
  limit?: number;
  q?: string;
  status?: Status | "";
  starred?: boolean;
}

export const models = () => call<Page<Model>>("GET", "/v1/models");
export const listVideos = (filter: VideoFilter) =>
  call<Page<Video>>("GET", `/v1/videos${query({ ...filter })}`);
export const getVideo = (id: string) => call<Video>("GET", video(id));
export const createVideo = (request: CreateRequest, picture?: File | null) =>
  submit("/v1/videos", picture ? form(request, picture) : request);
/** One clip with this one and what comes after it. */
export const extendVideo = (id: string, request: CreateRequest) =>
  submit("/v1/videos/extensions", { ...request, video: { id } });
export const remixVideo = (id: string, request: CreateRequest) =>
  submit(`${video(id)}/remix`, request);
export const cancelVideo = (id: string) => call<Video>("POST", `${video(id)}/cancel`);
export const retryVideo = (id: string) => call<Video>("POST", `${video(id)}/retry`);
export const moveVideo = (id: string, target: { to: "first" | "last" } | { before: string }) =>
  call<Video>("POST", `${video(id)}/move`, target);
export const queue = () => call<Queue>("GET", "/v1/queue");
export const pauseQueue = (paused: boolean) => call<Queue>("PATCH", "/v1/queue", { paused });

/** One MP4 of these clips in order, as it would be saved. */
export async function cut(video_ids: string[], title: string): Promise<Blob> {
  const response = await send("POST", "/v1/cuts", { video_ids, title }, {});
  return response.ok ? response.blob() : read(response);
}

const board = (id: string) => `/v1/storyboards/${encodeURIComponent(id)}`;
export type BoardDraft = Pick<Storyboard, "title" | "settings" | "shots">;
export type BoardSummary = Omit<Storyboard, "settings" | "shots">;
export const listBoards = () => call<Page<BoardSummary>>("GET", "/v1/storyboards?limit=100");
export const getBoard = (id: string) => call<Storyboard>("GET", board(id));
export const createBoard = (draft: BoardDraft) =>
  call<Storyboard>("POST", "/v1/storyboards", draft);
export const changeBoard = (id: string, draft: BoardDraft & { revision: number }) =>
  call<Storyboard>("PUT", board(id), draft);
export const deleteBoard = (id: string) => call<unknown>("DELETE", board(id));

export const deleteVideo = (id: string) => call<unknown>("DELETE", video(id));
export const starVideo = (id: string, starred: boolean) =>
  call<Video>("PATCH", video(id), { starred });
export const recipe = (id: string) => call<unknown>("GET", `${video(id)}/recipe`);
export const analyse = (prompt: string, model: string) =>
  call<Analysis>("POST", "/v1/prompts/analysis", model ? { prompt, model } : { prompt });
export const listPrompts = (filter: { q?: string; after?: string | null; limit?: number }) =>
  call<Page<PromptEntry>>("GET", `/v1/prompts${query(filter)}`);
export const patchPrompt = (id: string, change: { rating?: number; note?: string }) =>
  call<PromptEntry>("PATCH", `/v1/prompts/${encodeURIComponent(id)}`, change);
export const exportUrl = (format: "jsonl" | "csv") => `/v1/prompts/export?format=${format}`;
export const contentUrl = (id: string, variant: "video" | "thumbnail" | "spritesheet") =>
  `${video(id)}/content?variant=${variant}`;

/** Listens to a clip until it is done; answers how to stop. The browser reconnects by itself. */
export function watch(
  id: string,
  on: { live: (change: Live) => void; done: (video: Video) => void; lost: () => void },
): () => void {
  const source = new EventSource(`${video(id)}/events`);
  const listen = (name: string, take: (data: never) => void) =>
    source.addEventListener(name, (event) =>
      take(JSON.parse((event as MessageEvent<string>).data) as never),
    );
  listen("queued", (data: { position: number }) => on.live(data));
  listen("progress", (data: Live) => on.live(data));
  listen("preview", (data: { webp: string }) =>
    on.live({ preview: `data:image/webp;base64,${data.webp}` }),
  );
  listen("done", (data: Video) => {
    source.close();
    on.done(data);
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) on.lost();
  });
  return () => source.close();
}
