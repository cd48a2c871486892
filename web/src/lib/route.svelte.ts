// Where the page is: `#/library/video_1` is the view `library` with one argument.

export const VIEWS = [
  { id: "create", name: "Create" },
  { id: "library", name: "Library" },
  { id: "prompts", name: "Prompt log" },
  { id: "compare", name: "Compare" },
  { id: "storyboard", name: "Storyboard" },
] as const;
export type View = (typeof VIEWS)[number]["id"];

class Route {
  view = $state<View>("create");
  arguments = $state<string[]>([]);
}

export const route = new Route();

function read(): void {
  const [view, ...rest] = location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map(decodeURIComponent);
  route.view = VIEWS.find(({ id }) => id === view)?.id ?? "create";
  route.arguments = rest;
  document.title = `${VIEWS.find(({ id }) => id === route.view)?.name} · Kinora`;
}

export const href = (view: View, ...rest: string[]) =>
  `#/${[view, ...rest].map(encodeURIComponent).join("/")}`;

export function go(view: View, ...rest: string[]): void {
  location.hash = href(view, ...rest);
}

export function followAddress(): () => void {
  read();
  addEventListener("hashchange", read);
  return () => removeEventListener("hashchange", read);
}
