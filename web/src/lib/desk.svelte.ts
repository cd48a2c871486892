// The desk: the form somebody is writing in, the models, the clip on the stage. It survives a
// reload.

import * as api from "./api";
import { clips } from "./clips.svelte";
import { DEFAULT_FORM, formOf, randomSeed, remixRequestOf, requestOf, type Form } from "./form";
import { announce, complain, say } from "./messages.svelte";
import { fitted } from "./remote";
import { go } from "./route.svelte";
import type { Model, Video } from "./types";

const KEY = "kinora.desk.1";

interface Saved {
  form: Form;
  staged: string | null;
  isBuilderOpen: boolean;
}

function saved(): Saved {
  const fresh: Saved = { form: { ...DEFAULT_FORM }, staged: null, isBuilderOpen: false };
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Saved>;
    const form = { ...fresh.form, ...stored.form };
    form.answers = { ...DEFAULT_FORM.answers, ...form.answers };
    return { ...fresh, ...stored, form };
  } catch {
    return fresh; // a storage that is closed or broken is an empty one
  }
}

class Desk {
  form = $state<Form>(DEFAULT_FORM);
  staged = $state<string | null>(null);
  isBuilderOpen = $state(false);
  models = $state<Model[]>([]);
  /** What the API said against the form; `param` names the field. */
  refusal = $state<api.ApiError | null>(null);
  isSending = $state(false);
  /** The picture that the next clips begin with. A reload forgets it. */
  picture = $state<File | null>(null);

  model = $derived(this.models.find((model) => model.id === this.form.model) ?? this.models[0]);
  /** The clip on the stage: the chosen one while it exists, else the newest. */
  clip = $derived((this.staged ? clips.all[this.staged] : undefined) ?? clips.recent[0]);

  constructor() {
    const { form, staged, isBuilderOpen } = saved();
    this.form = form;
    this.staged = staged;
    this.isBuilderOpen = isBuilderOpen;
  }

  save(): void {
    const { form, staged, isBuilderOpen } = this;
    try {
      localStorage.setItem(KEY, JSON.stringify({ form, staged, isBuilderOpen }));
    } catch {
      // A full or closed storage costs the draft, not the work.
    }
  }

  async loadModels(): Promise<void> {
    try {
      this.models = (await api.models()).data;
      if (this.form.model && !this.models.some((model) => model.id === this.form.model))
        this.form.model = "";
    } catch (error) {
      complain(error);
    }
  }

  async stage(id: string | null): Promise<void> {
    this.staged = id;
    if (id) clips.look(id);
    if (id && !clips.all[id]) {
      try {
        await clips.fetch(id);
        clips.look(id);
      } catch {
        if (this.staged === id) this.staged = null; // deleted since
      }
    }
  }

  /** Asks for the clip; `first` puts it in front of everything that waits. */
  async generate(first = false): Promise<void> {
    if (this.isSending) return;
    this.refusal = null;
    if (!this.form.prompt.trim()) {
      this.refusal = new api.ApiError("Say what the clip shows.", 400, "missing_prompt", "prompt");
      return;
    }
    if (!this.form.lockSeed || this.form.seed === null) this.form.seed = randomSeed();
    this.isSending = true;
    try {
      const { remixOf, extendOf } = this.form;
      const form = $state.snapshot(this.form);
      const asked = remixOf ? remixRequestOf(form, this.model) : requestOf(form);
      const request = fitted(asked, this.model);
      if (first) request.first = true;
      const video = remixOf
        ? await api.remixVideo(remixOf, request)
        : extendOf
          ? await api.extendVideo(extendOf, request)
          : await api.createVideo(request, this.picture);
      this.form.remixOf = null;
      this.form.extendOf = null;
      clips.add(video);
      await this.stage(video.id);
      announce(first ? "First in the queue." : "In the queue.");
    } catch (error) {
      if (error instanceof api.ApiError) {
        this.refusal = error;
        announce(error.message);
      } else complain(error);
    } finally {
      this.isSending = false;
    }
  }

  /** The message for a field of the form, under any of the names that the API has for it. */
  refusalOf(...params: string[]): string | null {
    const { refusal } = this;
    return refusal?.param && params.includes(refusal.param) ? refusal.message : null;
  }

  recall(video: Video, what: "all" | "prompt" | "seed" | "all but the seed"): void {
    const { form } = this;
    if (what === "prompt") {
      form.prompt = video.prompt;
      form.negative = video.negative_prompt ?? "";
    } else if (what === "seed") {
      form.seed = video.seed;
      form.lockSeed = true;
    } else {
      const seed = { seed: form.seed, lockSeed: form.lockSeed };
      this.fill(video);
      if (what === "all but the seed") Object.assign(this.form, seed);
    }
    this.refusal = null;
    say(
      `Recalled ${what === "all" ? "everything" : what === "prompt" ? "the prompt" : what === "seed" ? "the seed" : what}.`,
    );
    go("create");
  }

  remix(video: Video): void {
    this.fill(video);
    this.form.remixOf = video.id;
    this.refusal = null;
    void this.stage(video.id);
    go("create");
    announce("Remixing: change the prompt and generate.");
  }

  /** The next clip goes on where this one ends: its look stays, its words are the user's. */
  extend(video: Video): void {
    this.fill(video);
    Object.assign(this.form, { extendOf: video.id, seconds: null, shape: "", lockSeed: false });
    this.refusal = null;
    void this.stage(video.id);
    go("create");
    announce("Going on: say what comes next and generate.");
  }

  private fill(video: Video): void {
    const model = this.models.find((model) => model.id === video.model);
    this.form = { ...formOf(video, model), answers: this.form.answers };
  }

  reset(): void {
    this.form = { ...DEFAULT_FORM, answers: { ...DEFAULT_FORM.answers } };
    this.picture = null;
    this.refusal = null;
  }
}

export const desk = new Desk();
