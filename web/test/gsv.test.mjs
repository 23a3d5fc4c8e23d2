// The client in Node.js: `node --test web/test/` after `npm run build`. No gateway: a server that breaks off where it is told.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import "fake-indexeddb/auto";
import {
  Changed, Device, IndexedDbStore, Interrupted, keyOf, MemoryStore, NetworkLost, NotKept, PhraseCache, Refused, speech, SpeechClient,
} from "../dist/index.js";
import { sha256 } from "../dist/sha256.js";

const wait = async () => undefined;

/** Says 3,000 samples that depend on text and seed; `breaks` are the bytes after which connections are cut. */
async function gateway({ breaks = [], status = null, voice = () => "" } = {}) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const fields = JSON.parse(body);
    asked.push(fields);
    if (status) {
      response.writeHead(status.code, status.headers);
      response.end(JSON.stringify({ error: { message: "no" } }));
      return;
    }
    const samples = Buffer.alloc(6_000);
    const seed = createHash("sha256").update(`${fields.input} ${fields.seed} ${voice(asked.length)}`).digest();
    for (let i = 0; i < 3_000; i += 1) samples.writeInt16LE(seed[i % 32] * 100 - i, 2 * i);
    const sound = samples.subarray(2 * (fields.skip_samples ?? 0));
    const rest = fields.stream_format === "sse" ? Buffer.from(events(sound)) : sound;
    const cut = breaks.shift();
    response.writeHead(200, { "Content-Type": "audio/pcm" });
    response.write(rest.subarray(0, cut ?? rest.length), () => (cut === undefined ? response.end() : response.destroy()));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { asked, url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** The sound in two events, a word behind each, as the gateway sends them. */
function events(sound) {
  const half = sound.length >> 1;
  const word = (word, start) => ({ word, start, end: start + 0.04, input_start: Math.round(25 * start), input_end: 9 });
  const told = [
    { type: "speech.audio.delta", audio: sound.subarray(0, half).toString("base64") },
    { type: "speech.audio.words", words: [word("One", 0)], word_faults: [] },
    { type: "speech.audio.delta", audio: sound.subarray(half).toString("base64") },
    { type: "speech.audio.words", words: [word("two", 0.04)], word_faults: [{ word: "two", fault: "repeated", input_start: 1, input_end: 9 }] },
    { type: "speech.audio.done", usage: {} },
  ];
  return told.map((each) => `data: ${JSON.stringify(each)}\n\n`).join("");
}

function client(url, more = {}) {
  return new SpeechClient({ url, wait, store: new MemoryStore(), ...more });
}

test("SHA-256 is the one that everybody computes", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1_000]) {
    const bytes = randomBytes(length);
    assert.equal(sha256(bytes), createHash("sha256").update(bytes).digest("hex"));
  }
});

test("keys are those of the Python client", () => {
  const vectors = JSON.parse(readFileSync(new URL("keys.json", import.meta.url), "utf8"));
  for (const { text, options, key } of vectors) assert.equal(keyOf(text, options), key);
});

test("a stream that is cut anywhere is heard as one that is not", async () => {
  const whole = await gateway();
  const expected = await client(whole.url).speak("Hello.", { seed: 7 }).bytes();
  for (const breaks of [[0], [1], [2], [641], [2_999, 3, 1_000], [5_999], [700, 0, 0, 5]]) {
    const broken = await gateway({ breaks: [...breaks] });
    assert.deepEqual(await client(broken.url).speak("Hello.", { seed: 7 }).bytes(), expected, String(breaks));
    assert.ok(broken.asked.slice(1).every(({ seed }) => seed === 7));
    broken.stop();
  }
  whole.stop();
});

test("words are told once each, wherever the stream is cut, and the sound is the same", async () => {
  const whole = await gateway();
  const expected = await client(whole.url).speak("Hello.", { seed: 7 }).bytes();
  whole.stop();
  for (const breaks of [[], [0], [3_000], [4_150], [4_200, 4_200], [8_300], [8_500]]) {
    const broken = await gateway({ breaks: [...breaks] });
    const [heard, words, faults] = [[], [], []];
    const told = (more) => { words.push(...more.words); faults.push(...more.word_faults); };
    const settings = { url: broken.url, wait };
    for await (const piece of speech("Hello.", { seed: 7 }, settings, undefined, told)) heard.push(...piece);
    assert.deepEqual(Uint8Array.from(heard), expected, String(breaks));
    assert.deepEqual(words.map(({ word }) => word), ["One", "two"], String(breaks));
    assert.deepEqual(faults.map(({ word, fault }) => [word, fault]), [["two", "repeated"]]);
    assert.ok(broken.asked.every(({ timestamp_granularities }) => timestamp_granularities[0] === "word"));
    broken.stop();
  }
});

test("a device that makes the sound tells each word once, behind the sound that it ends in", async () => {
  const decoding = { voice: "v", weights: "w", codec: "", gain: 1, pause_s: 0 };
  const word = (word, start) => ({ word, start, end: start + 0.02, input_start: 0, input_end: word.length });
  const record = (head) => { // a condition of one number, and two frames of one latent, of which one is heard
    const text = Buffer.from(JSON.stringify({ frames: 2, width: 1, frame_bytes: 4, heard: 1, condition: 1, final: false, ...head }));
    return Buffer.concat([Buffer.from(Uint32Array.of(text.length).buffer), text, Buffer.from(Float32Array.of(1, 0.25, 0.5).buffer)]);
  };
  const faulty = [{ word: "two", fault: "swallowed", input_start: 0, input_end: 3 }];
  const answer = Buffer.concat([
    record({ decoding, sentence: "One two.", words: [word("One", 0)] }),
    record({ final: true, reason: "eos", words: [word("two", 0.02)], word_faults: faulty }),
  ]);
  const files = { "vocoder/1/model.onnx": { bytes: 5, sha256: createHash("sha256").update("graph").digest("hex") } };
  const facts = { vocoder_receptive_field_frames: 1, weights_digest: "w" };
  const asked = [], breaks = [answer.length - 10];
  const fetch = async (address, { body } = {}) => {
    if (address.endsWith("manifest.json")) return new Response(JSON.stringify({ facts, files }));
    if (address.includes("/files/")) return new Response("graph");
    asked.push(JSON.parse(body));
    return new Response(answer.subarray(0, breaks.shift() ?? answer.length)); // the first breaks off
  };
  const session = { run: async ({ latents }) => ({ waveform: { data: new Float32Array(640 * latents.data.length).fill(0.5) } }) };
  const runtime = { InferenceSession: { create: async () => session }, Tensor: class { constructor(_type, data) { this.data = data; } } };
  const device = await Device.open({ url: "http://gateway", latentKbitS: 0, fetch }, runtime);
  const happened = [];
  const told = ({ words, word_faults }) => happened.push(...words.map(({ word }) => word), ...word_faults.map(({ fault }) => fault));
  const settings = { url: "http://gateway", device, fetch, wait };
  for await (const piece of speech("One two.", { seed: 7 }, settings, undefined, told)) happened.push(piece.length);
  assert.deepEqual(happened, [1_280, "One", 1_280, "two", "swallowed"]);
  assert.deepEqual(asked.map(({ timestamp_granularities }) => timestamp_granularities), [["word"], ["word"]]);
  for await (const _ of speech("One two.", { seed: 7 }, settings)) { /* nobody asks for words */ }
  assert.ok(!("timestamp_granularities" in asked.at(-1)));
});

test("a stream without a seed is taken up with the seed that it began with", async () => {
  const broken = await gateway({ breaks: [1_001] });
  const audio = await client(broken.url).speak("Hello.").bytes();
  assert.equal(audio.length, 6_000);
  assert.equal(broken.asked[0].seed, broken.asked[1].seed);
  broken.stop();
});

test("a gateway that speaks otherwise after the break is not joined to what was heard", async () => {
  const changed = await gateway({ breaks: [2_000], voice: String });
  await assert.rejects(client(changed.url).speak("Hello.", { seed: 7 }).bytes(), Changed);
  changed.stop();
});

test("a network that stays away is told, and a phrase that is not kept as well", async () => {
  const gone = await gateway();
  const { url } = gone;
  gone.stop();
  await assert.rejects(client(url).speak("Hello.").bytes(), NotKept);
  const lost = await gateway({ breaks: [1_000, ...Array(20).fill(0)] });
  await assert.rejects(client(lost.url, { tries: 3 }).speak("Hello.").bytes(), NetworkLost);
  lost.stop();
});

test("a refusal is told at once, and a busy gateway is asked again when it says", async () => {
  const refusing = await gateway({ status: { code: 400, headers: {} } });
  await assert.rejects(client(refusing.url).speak("Hello.").bytes(), (error) => error instanceof Refused && error.status === 400);
  assert.equal(refusing.asked.length, 1);
  refusing.stop();
  const waits = [];
  const busy = await gateway({ status: { code: 503, headers: { "Retry-After": "4" } } });
  await assert.rejects(client(busy.url, { tries: 2, wait: async (ms) => { waits.push(ms); } }).speak("Hello.").bytes(), Refused);
  assert.deepEqual(waits, [4_000, 4_000]);
  busy.stop();
});

for (const [name, store] of [["memory", () => new MemoryStore()], ["IndexedDB", () => new IndexedDbStore(`test-${Math.random()}`)]]) {
  test(`${name}: the limit holds whatever is put, and the oldest go first`, async () => {
    const cache = new PhraseCache(store(), 1_000);
    for (let i = 0; i < 60; i += 1) {
      const bytes = new Uint8Array((i * 137) % 1_100).fill(i % 5);
      const kept = await cache.put(`key ${i % 9}`, bytes);
      assert.equal(kept, bytes.length <= 1_000);
      assert.ok((await cache.size()).bytes <= 1_000);
      if (kept) assert.deepEqual(await cache.get(`key ${i % 9}`), bytes);
    }
    await cache.clear();
    for (const key of ["a", "b", "c"]) await cache.put(key, new Uint8Array(300).fill(key.charCodeAt(0)));
    await cache.get("a");
    await cache.put("d", new Uint8Array(300).fill(1));
    assert.deepEqual(await Promise.all(["a", "b", "c", "d"].map((key) => cache.has(key))), [true, false, true, true]);
  });

  test(`${name}: equal audio takes its room once`, async () => {
    const cache = new PhraseCache(store(), 1_000);
    await cache.put("one", new Uint8Array(800));
    await cache.put("two", new Uint8Array(800));
    assert.deepEqual(await cache.size(), { bytes: 800, phrases: 2 });
    await cache.delete("one");
    assert.equal((await cache.get("two")).length, 800);
    await cache.put("two", new Uint8Array(700));
    assert.deepEqual(await cache.size(), { bytes: 700, phrases: 1 });
  });
}

test("a hundred phrases fetched ahead are said without a network", async () => {
  const server = await gateway();
  const speaker = client(server.url);
  const texts = Array.from({ length: 100 }, (_, index) => `Phrase ${index}.`);
  let told = 0;
  await speaker.prefetch(texts, { voice: "ann" }, ({ error }) => { told += 1; assert.equal(error, null); });
  assert.equal(told, 100);
  assert.equal(server.asked.length, 100);
  server.stop();
  for (const text of texts) assert.equal((await speaker.speak(text, { voice: "ann" }).bytes()).length, 6_000);
  await assert.rejects(speaker.speak("Another.", { voice: "ann" }).bytes(), NotKept);
});

test("what is interrupted ends, is silent and is not kept", async () => {
  const server = await gateway();
  const speaker = client(server.url);
  const heard = { written: 0, stopped: 0 };
  const output = {
    write: () => { heard.written += 1; speaker.interrupt(); },
    end: async () => undefined, pause() {}, resume() {}, stop: () => { heard.stopped += 1; },
  };
  await assert.rejects(speaker.speak("Hello.").play(output), Interrupted);
  assert.equal(heard.written, 1);
  assert.ok(heard.stopped >= 1);
  assert.equal(await speaker.isKept("Hello."), false);
  server.stop();
});

test("playing writes every sample once, in order, and pauses and goes on where it is told", async () => {
  const server = await gateway({ breaks: [3_001] });
  const speaker = client(server.url);
  const [samples, calls] = [[], []];
  const output = {
    write: (piece) => samples.push(...piece), end: async () => { calls.push("end"); },
    pause: () => { calls.push("pause"); }, resume: () => { calls.push("resume"); }, stop: () => { calls.push("stop"); },
  };
  const utterance = speaker.speak("Hello.", { seed: 1 });
  const playing = utterance.play(output);
  await utterance.pause();
  await utterance.resume();
  await playing;
  assert.equal(samples.length, 3_000);
  assert.deepEqual(calls, ["resume", "pause", "resume", "end"]);
  server.stop();
});
