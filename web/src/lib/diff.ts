// The difference of two prompts, word by word.

export interface Piece {
  kind: "same" | "added" | "removed";
  text: string;
}

/** The shortest way from one word list to the other; neighbours of a kind are joined. */
export function wordDiff(before: string, after: string): Piece[] {
  const a = before.split(/\s+/).filter(Boolean);
  const b = after.split(/\s+/).filter(Boolean);
  const width = b.length + 1;
  // common[i * width + j]: the longest common sequence of a[i..] and b[j..]
  const common = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pieces: Piece[] = [];
  const push = (kind: Piece["kind"], word: string) => {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += ` ${word}`;
    else pieces.push({ kind, text: word });
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && left === right) {
      push("same", left);
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      push("removed", left);
      i++;
    } else if (right !== undefined) {
      push("added", right);
      j++;
    }
  }
  return pieces;
}
