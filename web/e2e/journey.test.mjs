// What a person does with the studio, from the empty page to the cut: `web/e2e/run`.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import {
  assertFits,
  assertPlays,
  BASE,
  CLIP_MS,
  makeQuick,
  PHONE,
  shoot,
  until,
  withPage,
} from "./stage.mjs";

const PROMPT = "A red boat crosses a calm harbor at dawn, fog over the water, slow pan right";

test("from the empty page to a downloaded clip that plays", () =>
  withPage(async (page, context) => {
    await page.getByText("Write what the camera sees").waitFor();
    await shoot(page, "1-empty");
    await page.getByLabel("Prompt", { exact: true }).fill(PROMPT);
    await page.getByText("% covered").first().waitFor();
    await makeQuick(page);
    await page.getByRole("button", { name: /^Generate/ }).click();
    const video = page.locator("section.stage video");
    await video.waitFor({ timeout: CLIP_MS });
    await assertPlays(video);
    await shoot(page, "2-made");

    const seek = page.getByLabel("Frame", { exact: true });
    await seek.fill("12");
    const shown = () => video.evaluate((element) => [element.paused, element.currentTime]);
    await until(async () => Math.abs((await shown())[1] - 12.5 / 24) < 0.01, "it seeks");
    assert.equal((await shown())[0], true, "a frame that is looked for stands");

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).click(),
    ]);
    const path = join(tmpdir(), `kinora-e2e-${process.pid}.mp4`);
    await download.saveAs(path);
    assert.match(download.suggestedFilename(), /^kinora-\d+\.mp4$/);
    const file = await readFile(path);
    assert.equal(file.toString("latin1", 4, 8), "ftyp");
    const alone = await context.newPage();
    await alone.goto(`file://${path}`);
    const saved = alone.locator("video");
    await assertPlays(saved);
    await saved.evaluate((element) => (element.currentTime = 0.5));
    await until(() => saved.evaluate((element) => !element.seeking), "the file seeks");
    await rm(path);
  }));

test("a reload keeps the clip in the making, the finished ones and the words", () =>
  withPage(async (page) => {
    await page.getByLabel("Prompt", { exact: true }).fill(PROMPT);
    await page.getByLabel("Steps").fill("200");
    await page.getByRole("button", { name: /^Generate/ }).click();
    const making = page.getByRole("group", { name: "Queue and recent clips" });
    await until(async () => (await making.getByText("%").count()) > 0, "it is made", CLIP_MS);
    await shoot(page, "3-making");
    await page.reload();
    await until(async () => (await making.getByText("%").count()) > 0, "it is still made");
    assert.equal(await page.getByLabel("Prompt", { exact: true }).inputValue(), PROMPT);
    assert((await making.getByRole("button").count()) >= 2, "the finished one is there, too");
    await page.locator("body").click({ position: { x: 1, y: 1 } });
    await page.keyboard.press("Escape");
    await page.keyboard.press("Shift+X");
    await making.getByText("cancelled").first().waitFor({ timeout: CLIP_MS });
  }));

test("the keyboard alone makes, watches, finds and deletes a clip", () =>
  withPage(async (page) => {
    const prompt = page.getByLabel("Prompt", { exact: true });
    await until(() => prompt.evaluate((element) => element === document.activeElement), "focus");
    await makeQuickByKeys(page, "A dog runs over a beach at sunset, wide shot");
    const video = page.locator("section.stage video");
    await until(
      async () => (await video.getAttribute("aria-label").catch(() => ""))?.includes("A dog"),
      "it is made",
      CLIP_MS,
    );
    await page.keyboard.press("Escape");
    await assertPlays(video);
    await page.keyboard.press(" ");
    await until(() => video.evaluate((element) => element.paused), "Space pauses");
    const before = await video.evaluate((element) => element.currentTime);
    await page.keyboard.press(".");
    await until(
      async () => (await video.evaluate((element) => element.currentTime)) !== before,
      "a frame on",
    );

    await page.keyboard.press("2");
    await page.getByRole("link", { name: /A dog runs/ }).first().waitFor();
    await tabTo(page, (element) => element.matches("a.card"));
    await page.keyboard.press("Enter");
    const panel = page.getByRole("complementary", { name: "Clip" });
    await panel.waitFor();
    await shoot(page, "4-library");
    await page.keyboard.press("f");
    await panel.locator('[aria-label="Star"][aria-pressed="true"]').waitFor();
    await tabTo(page, (element) => element.getAttribute("aria-label") === "Delete");
    await page.keyboard.press("Enter");
    // The question outlives news of the clip.
    await page.keyboard.press("f");
    await panel.locator('[aria-label="Star"][aria-pressed="false"]').waitFor();
    await tabTo(page, (element) => element.textContent === "Delete");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/library$/);
    assert.equal(await panel.count(), 0, "it is deleted");
    await page.keyboard.press("3");
    await page.getByText("A dog runs over a beach at sunset").first().waitFor();
    await shoot(page, "5-prompts");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await shoot(page, "6-keys");
    await page.keyboard.press("Escape");
    await until(async () => !(await page.getByRole("dialog").isVisible()), "the help closes");
  }));

test("a prompt with two seeds is compared side by side and under a wipe", () =>
  withPage(async (page) => {
    // The rest of a comparison is as on Create.
    await makeQuick(page);
    await page.keyboard.press("Escape");
    await page.keyboard.press("4");
    await page.getByLabel("Prompt", { exact: true }).fill(PROMPT);
    await page.locator("label.number").filter({ hasText: "2" }).click();
    await page.getByRole("button", { name: /^Generate 2 side by side/ }).click();
    const videos = page.locator(".screens video");
    await until(async () => (await videos.count()) === 2, "both are made", CLIP_MS);
    await assertPlays(videos.nth(0));
    await assertPlays(videos.nth(1));
    const apart = () =>
      videos.evaluateAll(([a, b]) => Math.abs(a.currentTime - b.currentTime) * 24);
    await until(async () => (await apart()) < 1.5, "they play in step");
    await shoot(page, "7-compare");
    await page.keyboard.press("m");
    await page.locator(".screens.wipe").waitFor();
    await shoot(page, "8-wipe");
  }));

test("a treatment becomes shots, takes and a cut that plays", () =>
  withPage(async (page) => {
    await page.keyboard.press("Escape");
    await page.keyboard.press("5");
    const treatment = page.getByLabel("Treatment");
    await treatment.fill(`${PROMPT}.\n\nA gull lands on a pier, close shot, soft light.`);
    await page.getByRole("button", { name: "Make 2 shots" }).click();
    await page.getByLabel("Length of a shot").selectOption("1");
    await page.getByLabel("Steps").fill("2");
    await page.getByLabel("Steps").blur();
    await page.getByText("saved", { exact: true }).waitFor();
    await page.getByRole("button", { name: /^Generate 2 shots/ }).click();
    await page.getByText("2 of 2").waitFor({ timeout: CLIP_MS });
    await page.getByRole("button", { name: "Watch the cut" }).click();
    const cut = page.getByRole("region", { name: "The cut" }).locator("video");
    await assertPlays(cut);
    const seconds = await cut.evaluate((element) => element.duration);
    assert(Math.abs(seconds - 50 / 24) < 0.1, `two shots of 25 frames, not ${seconds} s`);
    await shoot(page, "9-storyboard");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Export MP4" }).click(),
    ]);
    const file = await readFile(await download.path());
    assert.equal(file.toString("latin1", 4, 8), "ftyp");
  }));

for (const [name, viewport] of [
  ["desk", { width: 1440, height: 900 }],
  ["phone", PHONE],
]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`every view fits the ${name} in ${colorScheme}`, () =>
      withPage(
        async (page) => {
          const board = (await (await fetch(`${BASE}/v1/storyboards`)).json()).data[0];
          const clips = (await (await fetch(`${BASE}/v1/videos?status=completed`)).json()).data;
          const [first, second] = clips.map((clip) => clip.id);
          const views = {
            create: "create",
            library: "library",
            clip: `library/${first}`,
            prompts: "prompts",
            versus: "compare",
            compare: `compare/${first}/${second}`,
            storyboard: `storyboard/${board.id}`,
          };
          for (const [view, path] of Object.entries(views)) {
            await page.goto(`${BASE}/#/${path}`);
            await page.waitForLoadState("networkidle").catch(() => {});
            await assertFits(page);
            await shoot(page, `${name}-${colorScheme}-${view}`);
          }
        },
        { viewport, colorScheme, hasTouch: name === "phone" },
      ));
  }
}

/** Fills the form as somebody without a mouse does. */
async function makeQuickByKeys(page, prompt) {
  await page.keyboard.type(prompt);
  await tabTo(page, (element) => element.matches('input[name="seconds"]'));
  await page.keyboard.press("ArrowRight"); // from auto to one second
  await tabTo(page, (element) => element.closest("label")?.textContent?.includes("Steps"));
  await page.keyboard.type("2");
  await page.keyboard.press("Control+Enter");
}

/** Goes on by Tab until an element fits. */
async function tabTo(page, fits) {
  for (let presses = 0; presses < 120; presses++) {
    const found = await page.evaluate(
      ([source]) => {
        const element = document.activeElement;
        return element !== null && element !== document.body && eval(source)(element);
      },
      [`(${fits})`],
    );
    if (found) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not come to ${fits}`);
}
