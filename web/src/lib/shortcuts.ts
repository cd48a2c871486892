// The keys. A view answers the actions it knows; the newest view is asked first.

export interface Shortcut {
  action: string;
  keys: string;
  about: string;
}

export const SHORTCUTS: Shortcut[] = [
  { action: "run", keys: "Ctrl Enter", about: "Generate" },
  { action: "runFirst", keys: "Ctrl Shift Enter", about: "Generate, first in line" },
  { action: "cancel", keys: "Shift X", about: "Cancel the clip on the stage" },
  { action: "older", keys: "Alt ↑", about: "Older prompt" },
  { action: "newer", keys: "Alt ↓", about: "Newer prompt" },
  { action: "write", keys: "/", about: "Write: to the prompt or the search" },
  { action: "play", keys: "Space", about: "Play or pause" },
  { action: "back", keys: ",", about: "One frame back" },
  { action: "forward", keys: ".", about: "One frame on" },
  { action: "remix", keys: "R", about: "Remix this clip" },
  { action: "recall", keys: "A", about: "Recall everything" },
  { action: "recallButSeed", keys: "Shift A", about: "Recall all but the seed" },
  { action: "recallPrompt", keys: "P", about: "Recall only the prompt" },
  { action: "recallSeed", keys: "S", about: "Recall only the seed" },
  { action: "star", keys: "F", about: "Star" },
  { action: "compare", keys: "M", about: "Compare this clip with another" },
  { action: "retry", keys: "T", about: "Try a failed clip again" },
  { action: "first", keys: "Shift F", about: "Make this waiting clip first" },
  { action: "queue", keys: "Q", about: "Show the queue" },
  { action: "pause", keys: "Shift Q", about: "Pause or resume the queue" },
  { action: "create", keys: "1", about: "Create" },
  { action: "library", keys: "2", about: "Library" },
  { action: "prompts", keys: "3", about: "Prompt log" },
  { action: "comparison", keys: "4", about: "Compare" },
  { action: "storyboard", keys: "5", about: "Storyboard" },
  { action: "help", keys: "?", about: "These keys" },
  { action: "close", keys: "Esc", about: "Close" },
];

const PLAIN: Record<string, string> = {
  "/": "write",
  " ": "play",
  ",": "back",
  ".": "forward",
  r: "remix",
  a: "recall",
  p: "recallPrompt",
  s: "recallSeed",
  f: "star",
  m: "compare",
  t: "retry",
  q: "queue",
  "1": "create",
  "2": "library",
  "3": "prompts",
  "4": "comparison",
  "5": "storyboard",
};

const SHIFTED: Record<string, string> = {
  X: "cancel",
  A: "recallButSeed",
  F: "first",
  Q: "pause",
};

type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** The action of a key; `writing` says that letters belong to a text field. */
export function actionOf(key: Key, writing: boolean): string | null {
  const command = key.ctrlKey || key.metaKey;
  if (key.key === "Escape") return "close";
  if (command && !key.altKey && key.key === "Enter") return key.shiftKey ? "runFirst" : "run";
  if (key.altKey && !command && key.key === "ArrowUp") return "older";
  if (key.altKey && !command && key.key === "ArrowDown") return "newer";
  if (writing || command || key.altKey) return null;
  if (key.key === "?") return "help";
  if (key.shiftKey) return SHIFTED[key.key] ?? null;
  return PLAIN[key.key] ?? null;
}

export type Actions = Partial<Record<string, () => void>>;
const layers: Actions[] = [];

/** Answers these actions until the returned function is called; fits `$effect`. */
export function answer(actions: Actions): () => void {
  layers.push(actions);
  return () => {
    layers.splice(layers.indexOf(actions), 1);
  };
}

/** Elements for which a letter is text, or whose own keys we must not take. */
function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches("textarea, select, input:not([type=range], [type=checkbox])"))
  );
}

export function onKeydown(event: KeyboardEvent): void {
  const action = actionOf(event, isWriting(event.target));
  if (!action) return;
  // An open dialog has the keyboard: Escape closes it, and nothing happens behind it.
  if (action !== "help" && document.querySelector("dialog[open]")) return;
  // Space presses the focused button; that is what its user means.
  if (
    action === "play" &&
    event.target instanceof HTMLElement &&
    event.target.closest("button, a, summary, input")
  )
    return;
  const handler = layers.findLast((layer) => layer[action])?.[action];
  if (!handler) return;
  event.preventDefault();
  handler();
}
