// One prompt through several models or seeds: asked for at once, seen side by side.

import * as api from "./api";
import { clips } from "./clips.svelte";
import { desk } from "./desk.svelte";
import { randomSeed, requestOf } from "./form";
import { announce } from "./messages.svelte";
import { fitted } from "./remote";
import { go } from "./route.svelte";

/** Most clips side by side, as of one create. */
export const MOST_COLUMNS = 8;

class Versus {
  isSending = $state(false);
  /** What the API said, with the model it said it about. */
  refusals = $state<{ model: string; message: string }[]>([]);

  /** Every model that takes one makes the same seeds, so that the columns differ in one thing at a
   * time. */
  async start(models: string[], seeds: number): Promise<void> {
    const form = $state.snapshot(desk.form);
    if (this.isSending || !form.prompt.trim()) return;
    this.isSending = true;
    this.refusals = [];
    const seed = form.lockSeed && form.seed !== null ? form.seed : randomSeed();
    const request = { ...requestOf(form), seed, n: seeds };
    const ids: string[] = [];
    for (const model of models) {
      try {
        const chosen = desk.models.find(({ id }) => id === model);
        const video = await api.createVideo(fitted({ ...request, model }, chosen));
        clips.add(video);
        ids.push(...(video.variation_ids ?? [video.id]));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.refusals.push({ model, message });
      }
    }
    this.isSending = false;
    if (ids.length === 0) return;
    announce(`${ids.length} clips in the queue.`);
    go("compare", ...ids);
  }
}

export const versus = new Versus();
