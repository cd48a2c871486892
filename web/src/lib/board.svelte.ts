// The storyboard in hand. It lives on the server; changes go there a moment after they are made.

import * as api from "./api";
import { clips } from "./clips.svelte";
import { desk } from "./desk.svelte";
import { randomSeed } from "./form";
import { announce, complain, say } from "./messages.svelte";
import { fitted } from "./remote";
import { go } from "./route.svelte";
import { newShot, paragraphs, pendingOf, requestOfShot, takeOf } from "./treatment";
import type { Shot, Storyboard } from "./types";

const PAUSE_MS = 500;
/** Clips that are asked for at once when a storyboard is opened. */
const AT_ONCE = 4;

class Board {
  list = $state<api.BoardSummary[]>([]);
  current = $state<Storyboard | null>(null);
  isLoaded = $state(false);
  isSaved = $state(true);
  isSending = $state(false);
  /** What the API said against a shot, by the shot's id. */
  refusals = $state<Record<string, string>>({});

  /** Shots with something to make and nothing made or in the making. */
  missing = $derived(
    (this.current?.shots ?? []).filter(
      (shot) => shot.prompt.trim() && !takeOf(shot, clips.all) && !pendingOf(shot, clips.all),
    ),
  );
  /** The clips of the cut, in order. */
  takes = $derived(
    (this.current?.shots ?? [])
      .map((shot) => takeOf(shot, clips.all))
      .filter((take) => take !== undefined),
  );

  private stored = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private saving: Promise<void> | null = null;

  async open(id: string | null): Promise<void> {
    try {
      if (this.current?.id !== id) await this.flush();
      this.list = (await api.listBoards()).data;
      const wanted = id ?? this.list[0]?.id ?? null;
      if (wanted && this.current?.id !== wanted) {
        this.hold(await api.getBoard(wanted));
        void this.loadTakes();
      }
      if (!wanted) this.current = null;
    } catch (error) {
      complain(error);
      if (id) go("storyboard");
    } finally {
      this.isLoaded = true;
    }
  }

  private hold(board: Storyboard): void {
    this.current = board;
    this.stored = this.text();
    this.isSaved = true;
    this.refusals = {};
  }

  private async loadTakes(): Promise<void> {
    const ids = (this.current?.shots ?? []).flatMap((shot) => shot.video_ids);
    const unknown = ids.filter((id) => !clips.all[id]);
    const ask = async () => {
      for (let id = unknown.pop(); id; id = unknown.pop()) {
        await clips.fetch(id).catch(() => {}); // a deleted take is just not shown
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  async create(treatment: string): Promise<void> {
    const shots = paragraphs(treatment).map((prompt) => newShot(prompt));
    const title = shots[0]?.prompt.split(/\s+/).slice(0, 5).join(" ").slice(0, 60) ?? "";
    try {
      await this.flush();
      const board = await api.createBoard({ title, settings: {}, shots });
      this.hold(board);
      this.list = [board, ...this.list];
      go("storyboard", board.id);
    } catch (error) {
      complain(error);
    }
  }

  async remove(): Promise<void> {
    const { current } = this;
    if (!current) return;
    clearTimeout(this.timer);
    try {
      await this.saving;
      await api.deleteBoard(current.id);
      this.current = null;
      this.list = this.list.filter((board) => board.id !== current.id);
      go("storyboard");
      await this.open(null);
    } catch (error) {
      complain(error);
    }
  }

  private draft(): api.BoardDraft {
    const { title, settings, shots } = $state.snapshot(this.current) as Storyboard;
    return { title, settings, shots };
  }

  /** What would be stored; reading it in an effect depends on every field. */
  text(): string {
    return this.current ? JSON.stringify(this.draft()) : "";
  }

  /** Called with every change. */
  keep(text: string): void {
    if (!this.current || text === this.stored) return;
    this.isSaved = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), PAUSE_MS);
  }

  /** Sends what is not stored yet; answers once it is. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    while (this.saving) await this.saving;
    if (!this.current || this.text() === this.stored) return;
    this.saving = this.store(this.current).finally(() => (this.saving = null));
    await this.saving;
  }

  private async store(board: Storyboard): Promise<void> {
    const text = this.text();
    try {
      const { revision } = board;
      const kept = await api.changeBoard(board.id, { ...this.draft(), revision });
      board.revision = kept.revision; // more may have been written meanwhile: nothing else is taken
      this.stored = text;
      this.isSaved = this.text() === text;
      this.list = this.list.map((other) => (other.id === kept.id ? kept : other));
    } catch (error) {
      complain(error);
      if (error instanceof api.ApiError && error.code === "storyboard_changed")
        this.hold(await api.getBoard(board.id));
    }
  }

  add(treatment: string, after?: Shot): void {
    const { current } = this;
    if (!current) return;
    const texts = paragraphs(treatment);
    const shots = (texts.length > 0 ? texts : [""]).map((prompt) => newShot(prompt));
    const at = after ? current.shots.findIndex(({ id }) => id === after.id) + 1 : Infinity;
    current.shots.splice(at, 0, ...shots);
  }

  /** Asks for takes in this order. Each is stored before the next is asked for, so that none is
   * lost to a reload. */
  async generate(shots: Shot[]): Promise<void> {
    const { current } = this;
    if (!current || this.isSending || shots.length === 0) return;
    this.isSending = true;
    let count = 0;
    for (const shot of shots) {
      delete this.refusals[shot.id];
      try {
        const request = fitted(requestOfShot(shot, current.settings, randomSeed), this.model);
        const video = await api.createVideo(request);
        this.link(shot.id, video.id);
        clips.add(video);
        await this.flush();
        count += 1;
      } catch (error) {
        this.refusals[shot.id] = error instanceof Error ? error.message : String(error);
        if (!(error instanceof api.ApiError) || error.status !== 400) break;
      }
    }
    this.isSending = false;
    const refused = shots.length - count;
    if (refused > 0) say(`${refused} of ${shots.length} shots were not accepted.`, "error");
    else announce(`${count} shots in the queue.`);
  }

  /** The newest finished take is the one for the cut. */
  private link(shotId: string, videoId: string): void {
    const shot = this.current?.shots.find(({ id }) => id === shotId); // it may have been read again
    shot?.video_ids.push(videoId);
    if (shot) shot.video_id = null;
  }

  get model() {
    const name = this.current?.settings.model;
    return desk.models.find((model) => model.id === name) ?? desk.models[0];
  }
}

export const board = new Board();
