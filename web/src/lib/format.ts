// Numbers and times as the page shows them.

/** Seconds and frames as an editor counts them: `00:01:07` is one second and seven frames. */
export function timecode(seconds: number, fps: number): string {
  // Half a frame more, because a frame's start is rarely an exact binary fraction.
  const frames = Math.max(0, Math.floor(seconds * fps + 0.01));
  const two = (n: number) => String(n).padStart(2, "0");
  const whole = Math.floor(frames / fps);
  return `${two(Math.floor(whole / 60))}:${two(whole % 60)}:${two(frames % Math.round(fps))}`;
}

/** A time to wait, as rough as it is known. */
export function duration(seconds: number): string {
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

/** When something happened, seen from `now`; both in seconds since 1970. */
export function ago(then: number, now: number): string {
  const seconds = Math.max(0, now - then);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(then * 1000).toLocaleDateString(undefined, {
    day: "numeric",
    month: "short",
    year: "numeric",
  });
}

export function dateTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

const STAGES: Record<string, string> = {
  load: "Loading the model",
  text: "Reading the prompt",
  denoise: "Denoising",
  decode: "Developing frames",
  remote: "Made on another machine",
  download: "Fetching the clip",
  measure: "Looking at the clip",
};

export function stageName(stage: string | undefined): string {
  return stage === undefined ? "Starting" : (STAGES[stage] ?? stage);
}

export function lines(notes: string[] | string | null | undefined): string[] {
  if (!notes) return [];
  return typeof notes === "string" ? [notes] : notes;
}
