// A browser of its own beside a running studio, and what a person does in it.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

export const BASE = process.env.KINORA_BASE;
assert(BASE, "KINORA_BASE is the address of a running studio; web/e2e/run sets it");
const SHOTS = process.env.KINORA_SHOTS ?? join(import.meta.dirname, "../../target/e2e");
/** Longest wait for a clip: these are short ones, on a machine that is busy. */
export const CLIP_MS = 90_000;
export const PHONE = { width: 390, height: 844 };

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Opens a browser with an empty profile, runs `act`, and checks that nothing left the machine. */
export async function withPage(act, options = {}) {
  const profile = await mkdtemp(join(tmpdir(), "kinora-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    acceptDownloads: true,
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const requests = [];
  const mistakes = [];
  context.on("request", (request) => requests.push(request.url()));
  context.on("response", (response) => {
    // The prompt log asks for the picture of a clip, and says so when it was deleted.
    const isOfLog = response.status() === 404 && response.url().endsWith("variant=thumbnail");
    if (response.status() >= 400 && !isOfLog)
      mistakes.push(`${response.status()} ${response.url()}`);
  });
  context.on("weberror", (error) => mistakes.push(String(error.error())));
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("console", (message) => {
      const isOfResponse = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isOfResponse) mistakes.push(message.text());
    });
    page.setDefaultTimeout(15_000);
    await page.goto(BASE);
    await act(page, context).catch(async (error) => {
      await shoot(page, "failed");
      throw error;
    });
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
  const home = new URL(BASE).host;
  assert(requests.length > 0);
  for (const url of requests) {
    const { protocol, host } = new URL(url);
    const isHere = ["blob:", "data:", "file:"].includes(protocol) || host === home;
    assert(isHere, `a request to ${url}`);
  }
  assert.deepEqual(mistakes, [], "the page has no errors");
}

/** A picture of the page, to be looked at. */
export async function shoot(page, name) {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** Makes the clips of the form quick. */
export async function makeQuick(page) {
  await page.getByRole("radio", { name: "1 s", exact: true }).check();
  await page.getByLabel("Steps").fill("2");
}

/** The video of a place plays: its time goes on by itself. */
export async function assertPlays(video) {
  await video.waitFor();
  const time = () => video.evaluate((element) => element.currentTime);
  const began = await time();
  await until(async () => (await time()) !== began, "the clip plays");
  const error = await video.evaluate((element) => element.error?.message ?? null);
  assert.equal(error, null);
}

/** Waits for what the page shows no sign of. */
export async function until(condition, what, most = 15_000) {
  const end = Date.now() + most;
  while (!(await condition())) {
    assert(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Nothing is wider than the window. */
export async function assertFits(page) {
  const [content, view] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert(content <= view, `${content} px of content in ${view} px`);
}
