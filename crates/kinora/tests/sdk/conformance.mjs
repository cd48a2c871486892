// Drives an unmodified openai-node against a running studio: node conformance.mjs BASE_URL
// The studio must allow webhooks to this machine; `run` beside this file sets all of it up.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The SDK lies in a folder of its own, outside the repository.
const require = createRequire(pathToFileURL(`${process.env.SDK_FOLDER ?? process.cwd()}/x.js`));
const sdk = require("openai");
const { default: OpenAI, toFile, BadRequestError, NotFoundError, ConflictError } = sdk;

const BASE = process.argv[2];
const PROMPT = "a dog runs over a beach at dawn";
const FAST = { prompt: PROMPT, seconds: "1", num_inference_steps: 2, seed: 7 };
const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: "unused", maxRetries: 0 });

/** The call fails with this class, code and field, and says why. */
async function refused(kind, code, param, call) {
  await assert.rejects(call, (error) => {
    assert(error instanceof kind, `${code}: ${error}`);
    assert.deepEqual([error.code, error.param], [code, param]);
    assert(error.requestID && error.message);
    return true;
  });
}

/** Makes a clip and waits for it: this SDK has no call that polls. */
async function finished(request) {
  let video = await client.videos.create(request);
  while (["queued", "in_progress"].includes(video.status)) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    video = await client.videos.retrieve(video.id);
  }
  return video;
}

async function make() {
  const plain = await client.videos.create(FAST);
  assert(["queued", "in_progress"].includes(plain.status));
  assert.deepEqual([plain.model, plain.seconds, plain.size], ["kinora-1", "1", "576x320"]);
  assert.deepEqual([plain.seed, plain.num_inference_steps], [7, 2], "extras are echoed");
  const video = await finished({ ...FAST, model: "sora-2", size: "1280x720" });
  assert.deepEqual([video.status, video.progress, video.error], ["completed", 100, null]);
  assert.deepEqual([video.model, video.size], ["kinora-1", "1280x720"]);
  return video;
}

async function download(video) {
  const bytes = async (query) =>
    Buffer.from(await (await client.videos.downloadContent(video.id, query)).arrayBuffer());
  assert.equal((await bytes()).toString("latin1", 4, 8), "ftyp");
  assert.equal((await bytes({ variant: "thumbnail" })).toString("latin1", 8, 12), "WEBP");
  assert.equal((await bytes({ variant: "spritesheet" })).readUInt16BE(), 0xffd8);
}

async function remixAndDelete(video) {
  const prompt = "a dog runs over a beach at night";
  const remix = await client.videos.remix(video.id, { prompt });
  assert.deepEqual([remix.remixed_from_video_id, remix.seed], [video.id, video.seed]);
  const deleted = await client.videos.delete(remix.id);
  assert.deepEqual([deleted.id, deleted.deleted], [remix.id, true]);
  await refused(NotFoundError, "video_not_found", null, () => client.videos.retrieve(remix.id));
}

async function paging() {
  const made = [];
  for (let i = 0; i < 3; i++) made.unshift((await client.videos.create(FAST)).id);
  const paged = [];
  for await (const video of client.videos.list({ limit: 2 })) paged.push(video.id);
  assert.deepEqual(paged.slice(0, 3), made);
  assert.equal(new Set(paged).size, paged.length);
  for (const id of made) await client.videos.delete(id);
}

async function errors() {
  const create = (more, options) => () => client.videos.create({ ...FAST, ...more }, options);
  await refused(BadRequestError, "invalid_seconds", "seconds", create({ seconds: "60" }));
  await refused(BadRequestError, "unknown_model", "model", create({ model: "gpt-9" }));
  await refused(BadRequestError, "moderation_blocked", "prompt", create({ prompt: "a nude woman" }));
  await refused(BadRequestError, "unknown_field", "output", create({ output: "/etc/x" }));
  const file = await toFile(Buffer.from("89504e470d0a1a0a", "hex"), "a.png", { type: "image/png" });
  for (const input_reference of [file, { image_url: "data:image/png;base64,AAAA" }]) {
    const call = create({ input_reference });
    await refused(BadRequestError, "invalid_value", "input_reference", call);
  }
  const missing = () => client.videos.retrieve("video_none");
  await refused(NotFoundError, "video_not_found", null, missing);
  const headers = { "Idempotency-Key": `node-${Date.now()}` };
  const first = await create({}, { headers })();
  assert.equal((await create({}, { headers })()).id, first.id);
  const other = create({ prompt: "a cat" }, { headers });
  await refused(ConflictError, "idempotency_mismatch", null, other);
}

async function webhooks() {
  const inbox = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    inbox.push({ body, headers: request.headers });
    response.writeHead(204).end();
    server.emit("event");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const call = async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${BASE}/v1${path}`, { method, headers, body: JSON.stringify(body) });
    return answer.json();
  };
  const endpoint = await call("POST", "/webhook_endpoints", {
    name: "conformance",
    url: `http://127.0.0.1:${server.address().port}/`,
    event_types: ["video.completed"],
  });
  const video = await finished(FAST);
  // Earlier videos may end in between.
  const own = () => inbox.find(({ body }) => body.includes(video.id));
  while (!own()) await once(server, "event");
  const { body, headers } = own();
  const event = await client.webhooks.unwrap(body, headers, endpoint.signing_secret);
  assert.deepEqual([event.type, event.data.id], ["video.completed", video.id]);
  await assert.rejects(client.webhooks.unwrap(`${body} `, headers, endpoint.signing_secret));
  assert((await call("DELETE", `/webhook_endpoints/${endpoint.id}`)).deleted);
  server.close();
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert(models.includes("kinora-1"));
const video = await make();
await download(video);
await remixAndDelete(video);
await paging();
await errors();
await webhooks();
console.log("openai-node: all fine");
