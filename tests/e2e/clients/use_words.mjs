// Hears a text on the page and, as a person writes, another; prints which words were marked and how much was played then.
// node use_words.mjs GATEWAY_URL
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [url] = process.argv.slice(2);
const require = createRequire(join(process.env.NODE_FOLDER, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const seen = { errors: [] };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--autoplay-policy=no-user-gesture-required"],
});
const context = await browser.newContext({ locale: "en-US", bypassCSP: true });
const page = await context.newPage();
page.on("pageerror", (error) => seen.errors.push(String(error)));
await page.goto(url);
await page.waitForFunction(() => document.querySelectorAll("#voice option").length > 0);

// Each time that another word is marked: the word, the seconds played by then, and those on their way to the ear.
await page.evaluate(() => {
  const { player } = window.gsv;
  window.moves = [];
  const look = () => {
    const now = document.querySelectorAll("#said [aria-current=true]");
    window.moves.push({
      words: [...now].map((each) => each.textContent), played: player.figures.played, latency: player.context.outputLatency || 0,
    });
  };
  new MutationObserver(look).observe(document.getElementById("said"), { subtree: true, attributeFilter: ["aria-current"] });
});

await page.fill("#text", "😀 One two three four five six.");
await page.click("#speak");
await page.waitForFunction(() => document.getElementById("status").textContent === "Done.");
seen.moves = await page.evaluate(() => window.moves);
seen.text = await page.locator("#said").innerText();
seen.summary = await page.locator("#said-faults").innerText();
seen.faults = await page.locator("#said .fault").allTextContents();
seen.notes = await page.locator("#said small").allTextContents();
await page.waitForFunction(() => !document.querySelector("#said [aria-current]")); // with the next frame
await page.evaluate(axe);
seen.axe = (await page.evaluate(() => window.axe.run())).violations.map(({ id }) => id);
await page.click("#words-toggle");
seen.chinese_notes = await page.locator("#said small").allTextContents();

await page.evaluate(() => { window.moves = []; });
await page.fill("#text", "");
await page.check("#live");
await page.waitForFunction(() => window.gsv.state.socket?.readyState === 1);
await page.fill("#text", "😀 One two three four five six. "); // at once: typed slowly it would be said in parts
await page.waitForFunction(() => window.moves.length && !document.querySelector("#said [aria-current]"));
seen.live_moves = await page.evaluate(() => window.moves);
await browser.close();
console.log(JSON.stringify(seen));
