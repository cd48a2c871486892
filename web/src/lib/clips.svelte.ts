// Every clip the page has seen, kept fresh: the list is asked for again while something is in the
// making, and event streams follow the clips that matter now.

import { untrack } from "svelte";

import * as api from "./api";
import { announce, complain } from "./messages.svelte";
import type { Live, Video } from "./types";

/** Browsers allow six connections to one host; the rest is for pictures and calls. */
const MOST_STREAMS = 3;
const RECENT = 24;

export const isUnfinished = (video: Video) =>
  video.status === "queued" || video.status === "in_progress";

class Clips {
  /** By id. */
  all = $state<Record<string, Video>>({});
  live = $state<Record<string, Live>>({});
  /** Newest first. */
  recentIds = $state<string[]>([]);
  /** False until the first answer, so that emptiness is not shown too early. */
  loaded = $state(false);
  reachable = $state(true);
  /** The clip whose previews somebody looks at. */
  focus: string | null = null;

  recent = $derived(
    this.recentIds.map((id) => this.all[id]).filter((video) => video !== undefined),
  );

  private streams = new Map<string, () => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  start(): () => void {
    void this.refresh();
    const onVisible = () => {
      if (!document.hidden) void this.refresh();
    };
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      clearTimeout(this.timer);
      for (const stop of this.streams.values()) stop();
      this.streams.clear();
    };
  }

  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const page = await api.listVideos({ limit: RECENT });
      for (const video of page.data) this.put(video);
      this.recentIds = page.data.map((video) => video.id);
      this.reachable = true;
      this.loaded = true;
    } catch {
      this.reachable = false;
    }
    this.follow();
    const wait = !this.reachable ? 4000 : this.recent.some(isUnfinished) ? 2000 : 15_000;
    if (!document.hidden) this.timer = setTimeout(() => void this.refresh(), wait);
  }

  put(video: Video): void {
    const before = this.all[video.id];
    this.all[video.id] = video;
    if (isUnfinished(video)) return;
    if (before && isUnfinished(before)) this.announceEnd(video);
    delete this.live[video.id];
    this.streams.get(video.id)?.();
    this.streams.delete(video.id);
  }

  /** Puts a clip that this page has just asked for at the front. */
  add(video: Video): void {
    this.put(video);
    if (!this.recentIds.includes(video.id)) this.recentIds = [video.id, ...this.recentIds];
    void this.refresh();
  }

  async fetch(id: string): Promise<void> {
    this.put(await api.getVideo(id));
  }

  /** Says which clip is in view; an effect that calls this depends on nothing of the store. */
  look(id: string | null): void {
    untrack(() => {
      this.focus = id;
      this.follow();
    });
  }

  async cancel(id: string): Promise<void> {
    await this.attempt(async () => this.put(await api.cancelVideo(id)));
  }

  async star(video: Video): Promise<void> {
    await this.attempt(async () => this.put(await api.starVideo(video.id, !video.starred)));
  }

  /** Answers whether it is gone. */
  async remove(id: string): Promise<boolean> {
    const isGone = await this.attempt(() => api.deleteVideo(id));
    if (isGone) {
      this.streams.get(id)?.();
      this.streams.delete(id);
      this.recentIds = this.recentIds.filter((other) => other !== id);
      delete this.all[id];
      delete this.live[id];
    }
    return isGone;
  }

  private async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }

  /** Opens streams for the clip in view and those in the making; closes the others. */
  private follow(): void {
    const focused = this.focus ? this.all[this.focus] : undefined;
    const wanted = new Set<string>();
    if (focused && isUnfinished(focused)) wanted.add(focused.id);
    const waiting = this.recent.filter(isUnfinished).reverse(); // the oldest is next
    for (const status of ["in_progress", "queued"]) {
      for (const video of waiting) {
        if (video.status === status && wanted.size < MOST_STREAMS) wanted.add(video.id);
      }
    }
    for (const [id, stop] of this.streams) {
      if (!wanted.has(id)) {
        stop();
        this.streams.delete(id);
      }
    }
    for (const id of wanted) {
      if (!this.streams.has(id)) this.streams.set(id, this.listen(id));
    }
  }

  private listen(id: string): () => void {
    return api.watch(id, {
      live: (change) => {
        this.live[id] = { ...this.live[id], ...change };
        const video = this.all[id];
        if (video?.status === "queued" && change.stage)
          this.all[id] = { ...video, status: "in_progress" };
      },
      done: (video) => {
        this.put(video);
        void this.refresh();
      },
      lost: () => this.streams.delete(id),
    });
  }

  private announceEnd(video: Video): void {
    if (video.status === "completed") announce("A clip is finished.");
    else if (video.error?.code === "cancelled") announce("Cancelled.");
    else announce(`A clip failed: ${video.error?.message ?? "no reason given"}`);
  }
}

export const clips = new Clips();
