// Where the words of an analysis stand in the prompt as the page holds it.

import type { Level, WordReport } from "./types";

export interface Mark {
  text: string;
  level?: Level;
}

/** Cuts the prompt into marked words and what is between them. */
export function marks(prompt: string, words: WordReport[]): Mark[] {
  const index = indexOfByte(prompt);
  const pieces: Mark[] = [];
  let done = 0;
  for (const word of [...words].sort((a, b) => a.start - b.start)) {
    const start = index(word.start);
    const end = index(word.end);
    if (start < done || end <= start) continue; // overlapping words keep the first mark
    if (start > done) pieces.push({ text: prompt.slice(done, start) });
    pieces.push({ text: prompt.slice(start, end), level: word.level });
    done = end;
  }
  if (done < prompt.length) pieces.push({ text: prompt.slice(done) });
  return pieces;
}

/** The prompt with another word in the place of one that an analysis named. */
export function replaced(prompt: string, word: WordReport, by: string): string {
  const index = indexOfByte(prompt);
  return prompt.slice(0, index(word.start)) + by + prompt.slice(index(word.end));
}

/** The API counts bytes of UTF-8, a string counts units of UTF-16. */
function indexOfByte(text: string): (byte: number) => number {
  const starts: number[] = [];
  let unit = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let byte = 0; byte < bytes; byte++) starts.push(unit);
    unit += character.length;
  }
  return (byte) => starts[byte] ?? text.length;
}
