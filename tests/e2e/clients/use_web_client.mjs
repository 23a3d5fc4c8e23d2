// The web client at a gateway, in Node.js and in Chromium, over a network that is cut; prints what was seen as JSON.
// node use_web_client.mjs GATEWAY_URL MODULES_FOLDER
import { createHash } from "node:crypto";
import net from "node:net";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [gateway, modules] = process.argv.slice(2);
const require = createRequire(join(process.env.NODE_FOLDER, "package.json"));
const { chromium } = require("playwright-core");
const { MemoryStore, SpeechClient } = await import(pathToFileURL(join(modules, "index.js")));
const seen = { errors: [] };

// The network: passes bytes on, and cuts every connection after as many answered bytes as it is told; 0 lets nobody in.
const network = { budget: Infinity, cuts: 0, sockets: new Set() };
const target = new URL(gateway);
const proxy = net.createServer((client) => {
  const server = net.connect(Number(target.port), target.hostname);
  const end = () => { client.destroy(); server.destroy(); network.sockets.delete(end); };
  network.sockets.add(end);
  for (const socket of [client, server]) { socket.on("error", end); socket.on("close", end); }
  client.on("data", (data) => server.write(data));
  let isCut = false;
  server.on("data", (data) => {
    if (isCut) return;
    const passed = data.subarray(0, Math.min(data.length, network.budget));
    network.budget -= passed.length;
    isCut = network.budget === 0;
    client.write(passed, () => {
      if (!isCut || client.destroyed) return;
      network.cuts += 1;
      network.budget = network.cuts < 3 ? 5_000 : Infinity;
      end();
    });
  });
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const port = proxy.address().port;
const url = `http://127.0.0.1:${port}`;
const down = () => new Promise((resolve) => { proxy.close(resolve); for (const end of network.sockets) end(); });
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
const texts = Array.from({ length: 100 }, (_, index) => `Phrase number ${index}.`);

// In Node.js.
const unbroken = await new SpeechClient({ url: gateway, store: new MemoryStore() }).speak("Hello.", { seed: 7 }).bytes();
Object.assign(network, { budget: 5_001, cuts: 0 });
const client = new SpeechClient({ url, store: new MemoryStore(), waitMs: 1 });
const broken = await client.speak("Hello.", { seed: 7 }).bytes();
seen.node = { cuts: network.cuts, bytes: broken.length, equal: digest(broken) === digest(unbroken), failed: 0 };
network.budget = Infinity;
await client.prefetch(texts, {}, ({ error }) => { seen.node.failed += error ? 1 : 0; }, 4);
seen.node.kept = (await client.cache.size()).phrases;

// In Chromium, on the gateway's own page.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--autoplay-policy=no-user-gesture-required"],
});
const context = await browser.newContext();
const page = await context.newPage();
page.on("pageerror", (error) => seen.errors.push(String(error)));
await page.goto(url);
await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);
await page.evaluate(() => navigator.serviceWorker.ready);
Object.assign(network, { budget: 5_001, cuts: 0 });
const inPage = await page.evaluate(async () => {
  const { IndexedDbStore, SpeechClient } = await import("/page/client/index.js");
  window.client = new SpeechClient({ url: "", store: new IndexedDbStore("test"), cacheBytes: 500_000, waitMs: 1 });
  return Array.from(await window.client.speak("Hello.", { seed: 7 }).bytes());
});
seen.chromium = { cuts: network.cuts, equal: digest(Uint8Array.from(inPage)) === digest(unbroken), above_limit: 0, failed: 0 };
network.budget = Infinity;
Object.assign(seen.chromium, await page.evaluate(async (texts) => {
  const found = { above_limit: 0, failed: 0 };
  for (const text of texts) {
    const audio = await window.client.speak(text, {}).bytes();
    const size = await window.client.cache.size();
    found.above_limit += size.bytes > 500_000 ? 1 : 0;
    found.failed += audio.length ? 0 : 1;
  }
  await window.client.speak(texts[99], {}).play();
  const paused = window.client.speak(texts[99], {});
  const playing = paused.play();
  await paused.pause();
  await paused.resume();
  await playing;
  const stopped = window.client.speak("Something else.", {});
  const ended = stopped.play().catch((error) => error.name);
  window.client.interrupt();
  found.interrupted = await ended;
  found.kept = (await window.client.cache.size()).phrases;
  return found;
}, texts));

// A phrase is heard on the page, the network goes, and the page and the phrase are still there.
const said = async () => {
  await page.click("#speak");
  await page.waitForFunction(() => ["Done.", "完成。"].includes(document.getElementById("status").textContent) || !document.getElementById("message").hidden);
  return page.evaluate(() => ({ message: document.getElementById("message").hidden ? "" : document.getElementById("message").textContent,
    samples: window.gsv.player.samples().length }));
};
await page.reload();
await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);
seen.online = await said();
await down();
await page.reload();
await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);
seen.offline = await said();
await page.fill("#text", "A phrase that nobody has heard.");
seen.unheard = await said();
seen.offline.phrase = await page.evaluate(async () => {
  const { IndexedDbStore, SpeechClient } = await import("/page/client/index.js");
  return (await new SpeechClient({ url: "", store: new IndexedDbStore("test"), tries: 1 }).speak("Phrase number 99.", {}).bytes()).length;
});
await browser.close();
console.log(JSON.stringify(seen));
