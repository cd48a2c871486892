// What the page says by itself: notes that go away, and sentences for screen readers.

interface Note {
  id: number;
  text: string;
  kind: "plain" | "error";
}

class Messages {
  notes = $state<Note[]>([]);
  spoken = $state("");
}

export const messages = new Messages();
let next = 0;

export function say(text: string, kind: Note["kind"] = "plain"): void {
  const id = next++;
  messages.notes.push({ id, text, kind });
  setTimeout(() => dismiss(id), kind === "error" ? 9000 : 3500);
}

export function dismiss(id: number): void {
  messages.notes = messages.notes.filter((note) => note.id !== id);
}

export function complain(error: unknown): void {
  say(error instanceof Error ? error.message : String(error), "error");
}

export function announce(text: string): void {
  messages.spoken = text;
}
