// Uses the page as a person does, in Debian's Chromium; prints one JSON object of what was seen.
// node page.mjs URL MICROPHONE.wav SCREENSHOTS VOICE
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.NODE_FOLDER, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [url, microphone, screenshots, voice] = process.argv.slice(2);
mkdirSync(screenshots, { recursive: true });
const seen = { errors: [], axe: {} };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${microphone}`,
  ],
});

async function opened(options = {}) {
  const context = await browser.newContext({ permissions: ["microphone"], acceptDownloads: true, bypassCSP: true, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  await page.goto(`${url}/#capture`);
  await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);
  return page;
}

// What the AudioWorklet has played: level, and the longest run of exact zeros inside it.
const captured = (page) => page.evaluate(() => {
  const { player } = window.gsv;
  const all = player.captured.flatMap((block) => [...block]);
  const first = all.findIndex((sample) => sample !== 0);
  const last = all.findLastIndex((sample) => sample !== 0);
  let run = 0, longest = 0, sum = 0;
  for (let i = first; i <= last; i += 1) {
    run = all[i] === 0 ? run + 1 : 0;
    longest = Math.max(longest, run);
    sum += all[i] * all[i];
  }
  return {
    seconds: all.length / player.context.sampleRate, rms: Math.sqrt(sum / Math.max(1, last - first)),
    zeros_ms: 1000 * longest / player.context.sampleRate, received: player.samples().length, played: all.length,
    gaps: player.figures.gaps, gap_ms: 1000 * player.figures.gapSeconds, first_audio_ms: player.figures.firstAudio,
  };
});

async function audit(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  seen.axe[name] = found.violations.map(({ id, impact }) => ({ id, impact }));
}

async function spoken(page) {
  await page.waitForFunction(() => ["Done.", "完成。"].includes(document.getElementById("status").textContent), null, { timeout: 60_000 });
}

async function downloaded(page, kind) {
  const waiting = page.waitForEvent("download", { timeout: 60_000 });
  await page.locator(`#history li:first-child button[data-kind="${kind}"]`).click();
  const file = join(screenshots, `download.${kind}`);
  await (await waiting).saveAs(file);
  return file;
}

try {
  const page = await opened({ colorScheme: "light", locale: "en-US" });
  await page.fill("#text", "The young woman found a good book on the table. The children laughed, and nobody minded.");
  await page.selectOption("#language", "en");
  await page.click("summary");
  await page.fill("#pause_s", "0"); // so that every silence would be a gap
  await page.focus("#text");
  await page.keyboard.press("Control+Enter");
  await spoken(page);
  seen.spoken = await captured(page);
  seen.figures = await page.locator("#figures").innerText();
  seen.words = await page.locator("#said span").allTextContents();
  seen.wav = await downloaded(page, "wav");
  seen.mp3 = await downloaded(page, "mp3");
  await page.screenshot({ path: join(screenshots, "light.png"), fullPage: true });
  await audit(page, "light");

  await page.click("#record");
  await page.waitForFunction(() => parseFloat(document.getElementById("recorded-s").textContent) >= 1, null, { timeout: 30_000 });
  await page.click("#record");
  await page.waitForSelector("#faults li");
  seen.short = await page.locator("#faults").innerText();
  seen.short_can_be_cloned = await page.locator("#clone").isEnabled();
  await page.click("#record");
  await page.waitForFunction(() => parseFloat(document.getElementById("recorded-s").textContent) >= 5, null, { timeout: 30_000 });
  await page.click("#record");
  await page.waitForFunction(() => !document.getElementById("clone").disabled);
  seen.recorded = await page.locator("#faults").innerText();
  await page.fill("#clone-name", "recorded");
  await page.selectOption("#clone-language", "en");
  await page.click("#clone");
  await page.waitForFunction(() => [...document.querySelectorAll("#voice option")].some((o) => o.value === "recorded"), null, { timeout: 60_000 });
  seen.voices = await page.locator("#voice option").allTextContents();

  await page.selectOption("#voice-a", voice);
  await page.selectOption("#voice-b", "recorded");
  await page.click("#compare");
  await page.waitForFunction(() => document.getElementById("audio-a").duration > 0.3 && document.getElementById("audio-b").duration > 0.3, null, { timeout: 60_000 });
  seen.compared = await page.evaluate(() => ["a", "b"].map((side) => document.getElementById(`audio-${side}`).duration));

  await page.selectOption("#voice", voice);
  await page.fill("#text", "");
  await page.check("#live");
  await page.waitForFunction(() => window.gsv.state.socket?.readyState === 1);
  await page.type("#text", "Hello there, this is spoken while I type it. ", { delay: 30 });
  await page.waitForFunction(() => window.gsv.player.figures.played > 1, null, { timeout: 30_000 });
  seen.live = await captured(page);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Interrupted.", null, { timeout: 30_000 });
  await page.uncheck("#live");

  await page.selectOption("#voice", "recorded");
  page.once("dialog", (dialog) => dialog.accept());
  await page.click("#delete-voice");
  await page.waitForFunction(() => ![...document.querySelectorAll("#voice option")].some((o) => o.value === "recorded"));

  const formats = await page.evaluate(async () => {
    const found = {};
    for (const format of ["mp3", "opus", "aac", "flac", "wav"]) {
      const body = JSON.stringify({ model: "tts-1", input: "One, two, three.", response_format: format });
      const answer = await fetch("v1/audio/speech", { method: "POST", body });
      const audio = new Audio(URL.createObjectURL(await answer.blob()));
      found[format] = await new Promise((resolve) => {
        audio.onplaying = () => { audio.onended = () => resolve(audio.currentTime); };
        audio.onerror = () => resolve(`error ${audio.error.code}`);
        audio.playbackRate = 4;
        audio.play().catch((error) => resolve(String(error)));
      });
    }
    return found;
  });
  seen.formats = formats;
  await page.context().close();

  const other = await opened({ colorScheme: "dark", locale: "zh-CN", viewport: { width: 390, height: 800 } });
  seen.chinese = await other.locator("#speak").innerText();
  seen.lang = await other.getAttribute("html", "lang");
  seen.wide = await other.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await other.fill("#text", "今天天气很好，我们一起去公园散步吧。");
  await other.selectOption("#language", "zh");
  await other.click("#speak");
  await spoken(other);
  await other.screenshot({ path: join(screenshots, "dark.png"), fullPage: true });
  await audit(other, "dark");

  const missing = [];
  for (let i = 0; i < 60; i += 1) {
    await other.keyboard.press("Tab");
    missing.push(await other.evaluate(() => document.activeElement.id || document.activeElement.tagName));
  }
  seen.tabbed = [...new Set(missing)];

  const strict = await opened({ bypassCSP: false });
  seen.strict = await strict.evaluate(async () => (await window.gsv.player.open()) > 0);
} catch (error) {
  seen.failed = String(error.stack ?? error);
} finally {
  await browser.close();
  console.log(JSON.stringify(seen));
}
