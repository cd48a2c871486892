// Every clip the page has seen, kept fresh: the list is asked for again while something is in the
// making, and event streams follow the clips that matter now.

import { untrack } from "svelte";

import * as api from "./api";
import { announce, complain } from "./messages.svelte";
import type { Live, Queue, Video } from "./types";

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
  isPaused = $state(false);
  runningIds = $state<string[]>([]);
  /** The next one first; the queue may be longer than what the page knows of it. */
  waitingIds = $state<string[]>([]);
  waitingCount = $state(0);
  /** False until the first answer, so that emptiness is not shown too early. */
  loaded = $state(false);
  reachable = $state(true);
  /** The clip whose previews somebody looks at. */
  focus: string | null = null;

  recent = $derived(
    this.recentIds.map((id) => this.all[id]).filter((video) => video !== undefined),
  );

  running = $derived(this.known(this.runningIds, "in_progress"));
  waiting = $derived(this.known(this.waitingIds, "queued"));
  unfinishedCount = $derived(this.running.length + this.waitingCount);

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

  private known(ids: string[], status: Video["status"]): Video[] {
    return ids.map((id) => this.all[id]).filter((video) => video?.status === status) as Video[];
  }

  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const [page, queue] = await Promise.all([api.listVideos({ limit: RECENT }), api.queue()]);
      for (const video of page.data) this.put(video);
      this.take(queue);
      this.recentIds = page.data.map((video) => video.id);
      this.askForOthers(new Set([...this.recentIds, ...this.runningIds, ...this.waitingIds]));
      this.reachable = true;
      this.loaded = true;
    } catch (error) {
      // A key that was withdrawn or has expired: the studio answers with the page to sign in.
      if (error instanceof api.ApiError && error.status === 401) return location.reload();
      this.reachable = false;
    }
    this.follow();
    const isBusy = this.runningIds.length > 0 || (this.waitingIds.length > 0 && !this.isPaused);
    const wait = !this.reachable ? 4000 : isBusy ? 2000 : 15_000;
    if (!document.hidden) this.timer = setTimeout(() => void this.refresh(), wait);
  }

  /** A clip that left the queue without being seen has ended, or stands far behind. */
  private askForOthers(seen: Set<string>): void {
    const isAllSeen = this.waitingIds.length === this.waitingCount;
    for (const { id, status } of Object.values(this.all)) {
      if (seen.has(id) || !(status === "in_progress" || (status === "queued" && isAllSeen)))
        continue;
      this.fetch(id).catch(() => delete this.all[id]); // deleted elsewhere
    }
  }

  private take(queue: Queue): void {
    for (const video of [...queue.in_progress, ...queue.queued]) this.put(video);
    this.isPaused = queue.paused;
    this.runningIds = queue.in_progress.map((video) => video.id);
    this.waitingIds = queue.queued.map((video) => video.id);
    this.waitingCount = queue.queued_count;
  }

  /** Its number in line, from 1; undefined when it does not wait or stands too far behind. */
  positionOf(id: string): number | undefined {
    const index = this.waiting.findIndex((video) => video.id === id);
    return index < 0 ? this.live[id]?.position : index + 1;
  }

  async pause(isPaused: boolean): Promise<void> {
    await this.attempt(async () => this.take(await api.pauseQueue(isPaused)));
    announce(this.isPaused ? "The queue is paused." : "The queue runs.");
    void this.refresh();
  }

  /** Moves a waiting clip to the front, or by one. */
  async move(id: string, where: "first" | "up" | "down"): Promise<void> {
    const line = this.waiting.map((video) => video.id);
    const at = line.indexOf(id);
    // One down means that the clip behind it goes before it.
    const moved = where === "down" ? line[at + 1] : id;
    const before = where === "up" ? line[at - 1] : where === "down" ? id : undefined;
    if (!moved || (where !== "first" && !before)) return;
    await this.moveTo(moved, before ? { before } : { to: "first" });
    const position = this.positionOf(id);
    if (position) announce(position === 1 ? "Next in line." : `Number ${position} in line.`);
  }

  async moveBefore(id: string, before: string): Promise<void> {
    await this.moveTo(id, { before });
  }

  private async moveTo(id: string, target: Parameters<typeof api.moveVideo>[1]): Promise<void> {
    await this.attempt(async () => {
      await api.moveVideo(id, target);
      this.take(await api.queue());
    });
  }

  /** The same request and seed once more. */
  async retry(id: string): Promise<void> {
    await this.attempt(async () => this.put(await api.retryVideo(id)));
    void this.refresh();
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
      void this.refresh();
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
    for (const video of [...this.running, ...this.waiting]) {
      if (wanted.size < MOST_STREAMS) wanted.add(video.id);
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
        if (video?.status === "queued" && change.stage) {
          this.all[id] = { ...video, status: "in_progress" };
          void this.refresh(); // the line has moved up
        }
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
