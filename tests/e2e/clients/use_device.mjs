// Sound made by the listener of a gateway's latents: in Node.js, and on the page in Chromium; prints what was seen as JSON.
// node use_device.mjs GATEWAY_URL MODULES_FOLDER TEXT [VOICE]
import net from "node:net";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [url, modules, text, voice = "low"] = process.argv.slice(2);
const require = createRequire(join(process.env.NODE_FOLDER, "package.json"));
const { chromium } = require("playwright-core");
const { Device, floats, MemoryStore, speech, SpeechClient } = await import(pathToFileURL(join(modules, "index.js")));
const seen = { errors: [] };
const options = { voice, seed: 7, language: "en" };

// How far the difference lies below what was expected, in dB.
function nearness(ours, expected) {
  let energy = 0, error = ours.length === expected.length ? 0 : Infinity;
  expected.forEach((sample, i) => {
    energy += sample ** 2;
    error += (sample - (ours[i] ?? 0)) ** 2;
  });
  return 10 * Math.log10(energy / Math.max(error, 1e-30));
}

// The network: passes bytes on, and cuts the connection of the first answer after so many bytes.
let budget = 3_000;
const cut = net.createServer((client) => {
  const server = net.connect(Number(new URL(url).port), "127.0.0.1");
  const end = () => { client.destroy(); server.destroy(); };
  for (const socket of [client, server]) { socket.on("error", end); socket.on("close", end); }
  client.on("data", (data) => server.write(data));
  server.on("data", (data) => {
    const passed = data.subarray(0, budget);
    budget -= passed.length;
    client.write(passed, () => { if (budget === 0) { budget = Infinity; end(); } });
  });
});
await new Promise((resolve) => cut.listen(0, "127.0.0.1", resolve));

async function wordsOf(settings) {
  const told = [];
  for await (const _ of speech(text, options, { url, ...settings }, undefined, ({ words }) => told.push(...words))) { /* heard */ }
  return told;
}

const words = await wordsOf({});
const spoken = floats(await new SpeechClient({ url, store: new MemoryStore() }).speak(text, options).bytes());
const ort = require("onnxruntime-node");
seen.node = {};
for (const latentKbitS of [0, 12]) {
  const device = await Device.open({ url, latentKbitS }, ort);
  const client = new SpeechClient({ url, device, store: new MemoryStore() });
  const made = floats(await client.speak(text, options).bytes());
  seen.node[latentKbitS] = nearness(made, spoken);
  seen.node[`again ${latentKbitS}`] = nearness(floats(await client.speak(text, { ...options, cache: "off" }).bytes()), made);
  seen.node[`work ${latentKbitS}`] = device.workS / device.audioS;
  seen.node[`words ${latentKbitS}`] = words.length > 5 && JSON.stringify(await wordsOf({ device })) === JSON.stringify(words);
  seen.node[`kept ${latentKbitS}`] = await client.isKept(text, options);
  if (!latentKbitS) {
    const broken = new SpeechClient({ url: `http://127.0.0.1:${cut.address().port}`, device, store: new MemoryStore(), waitMs: 1 });
    seen.node.broken = nearness(floats(await broken.speak(text, options).bytes()), made);
    seen.node.cut = budget === Infinity;
  }
}
cut.close();

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--autoplay-policy=no-user-gesture-required"],
});
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${url}/#capture`);
  await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);
  await page.waitForSelector("#device-choice:not([hidden])");
  await page.fill("#text", text);
  await page.selectOption("#voice", voice);
  await page.selectOption("#language", "en");
  await page.fill("#seed", "7");
  await page.check("#device");
  await page.click("#speak");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Done." || !document.getElementById("message").hidden, null, { timeout: 120_000 });
  const samples = await page.evaluate(() => [...window.gsv.player.samples()]);
  const device = await Device.open({ url }, ort); // the same 8 kbit/s, by another runtime
  const expected = floats(await new SpeechClient({ url, device, store: new MemoryStore() }).speak(text, options).bytes());
  seen.chromium = {
    message: await page.locator("#message").innerText(), samples: samples.length, nearness: nearness(samples, expected),
    work: await page.locator("#made-here").innerText(), spoken: asked.filter((path) => path === "/v1/audio/speech").length,
    device: asked.filter((path) => path === "/v1/device/speech").length,
  };
  asked.length = 0;
  await page.reload();
  await page.waitForSelector("#device-choice:not([hidden])");
  await page.fill("#text", "And one more.");
  await page.check("#device");
  await page.click("#speak");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Done.", null, { timeout: 120_000 });
  seen.chromium.fetched_again = asked.filter((path) => path.startsWith("/v1/device/files/")).length;
} finally {
  await browser.close();
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
