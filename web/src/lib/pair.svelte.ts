// The two clips to compare: the first waits here until a second one is chosen.

import { say } from "./messages.svelte";
import { go } from "./route.svelte";

class Pair {
  first = $state<string | null>(null);
}

export const pair = new Pair();

export function compareWith(id: string): void {
  const { first } = pair;
  if (first === id) {
    pair.first = null;
    return;
  }
  if (first === null) {
    pair.first = id;
    say("First clip of a comparison. Choose the second the same way.");
    return;
  }
  pair.first = null;
  go("compare", first, id);
}
