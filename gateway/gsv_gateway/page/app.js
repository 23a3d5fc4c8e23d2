// The page: what a person does, and what is shown of it.
import * as api from "./api.js";
import { decode, faultsOf } from "./clip.js";
import * as device from "./device.js";
import { remember } from "./history.js";
import { asked as canAsk, cannotTell, said } from "./phrases.js";
import { Player } from "./player.js";
import { Recorder } from "./recorder.js";
import { Transcript } from "./transcript.js";
import { wavOf } from "./wav.js";
import { language, show, word } from "./words.js";

const LANGUAGES = ["auto", "zh", "en", "ja", "ko", "yue", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue"];
const NUMBERS = ["speed", "seed", "top_k", "top_p", "temperature", "repetition_penalty", "pause_s"];
const byId = (id) => document.getElementById(id);

const state = { abort: null, socket: null, sent: "", recorder: null, clip: null, pieces: 0 };
const player = new Player(showFigures);
const transcript = new Transcript(byId("said"), byId("said-faults"));
window.gsv = { player, state, transcript };

function tell(name, values) {
  byId("status").textContent = word(name, values);
}

function fail(error) {
  if (error.name === "AbortError" || error.name === "Interrupted") return;
  if (error.status === 401) byId("key-form").hidden = false;
  byId("message").textContent = error.status === 401 ? `${word("wantKey")} ${error.message}` : error.message;
  byId("message").hidden = false;
}

function forgive() {
  byId("message").hidden = true;
}

function showFigures(figures) {
  byId("first-audio").textContent = figures.firstAudio === null ? "–" : `${figures.firstAudio.toFixed(0)} ms`;
  byId("buffered").textContent = `${figures.buffered.toFixed(2)} s`;
  byId("underruns").textContent = `${figures.gaps} · ${(1000 * figures.gapSeconds).toFixed(0)} ms`;
  if (typeof figures.played === "number") byId("spoken").textContent = `${figures.played.toFixed(1)} s`;
  byId("seams").textContent = String(state.pieces);
}

function showFetched(bytes, total) {
  tell(bytes < total ? "fetching" : "speaking", { mb: (total / 1e6).toFixed(1), percent: Math.round((100 * bytes) / total) });
}

function fields(sampleRate) {
  const found = { voice: byId("voice").value, language: byId("language").value, response_format: "pcm", sample_rate: sampleRate };
  for (const name of NUMBERS) if (byId(name).value !== "") found[name] = Number(byId(name).value);
  return found;
}

// With a seed the server says the same again; one is drawn where the person chose none.
function seeded(found) {
  return { seed: Math.floor(Math.random() * 2 ** 32), ...found };
}

function busy(isBusy) {
  byId("stop").disabled = !isBusy;
  byId("speak").disabled = isBusy;
}

async function speak() {
  const clickedAt = performance.now();
  stop();
  forgive();
  busy(true);
  tell("speaking");
  const abort = new AbortController();
  state.abort = abort;
  try {
    const sampleRate = await player.open();
    const vocoder = byId("device").checked ? await device.open(showFetched) : null;
    player.begin(vocoder ? performance.now() : clickedAt); // fetching it once is no wait for sound
    state.pieces = 0;
    const { response_format: _, sample_rate: __, ...options } = fields(sampleRate);
    const asked = seeded({ ...fields(sampleRate), input: byId("text").value });
    transcript.begin(asked.language);
    for await (const piece of said(asked.input, options, asked.seed, abort.signal, (words) => transcript.tell(words), vocoder)) {
      if (!state.pieces) {
        byId("first-byte").textContent = `${(performance.now() - clickedAt).toFixed(0)} ms`;
        transcript.say(asked.input, 0);
      }
      state.pieces += 1;
      player.push(piece);
    }
    player.end();
    const how = await player.finished;
    remember(asked, player.samples(), sampleRate, byId("first-audio").textContent, fail);
    tell(how);
    if (vocoder) byId("made-here").textContent = `${(vocoder.workS / vocoder.audioS).toFixed(2)} s/s`;
  } catch (error) {
    player.stop();
    fail(error);
    byId("status").textContent = "";
  } finally {
    if (state.abort === abort) busy(false);
  }
}

function stop() {
  state.abort?.abort();
  state.abort = null;
  if (state.socket) {
    state.socket.send('{"type":"interrupt"}');
    state.sent = byId("text").value;
  }
  player.stop();
  busy(false);
}

// Speak while it is typed: what was added goes to the gateway at once, a change of what was said begins anew.
async function liveOn() {
  const sampleRate = await player.open();
  player.begin(performance.now());
  state.sent = "";
  state.pieces = 0;
  const { input: _, ...start } = seeded(fields(sampleRate));
  transcript.begin(start.language);
  state.socket = api.live({ ...start, timestamp_granularities: canAsk.words ? ["word"] : [] });
  state.socket.addEventListener("message", ({ data }) => {
    if (data instanceof ArrayBuffer) return player.push(new Uint8Array(data));
    const message = JSON.parse(data);
    if (message.type === "started") typed();
    else if (message.type === "speaking") {
      state.pieces += 1;
      transcript.say(message.text, player.seconds());
      byId("status").textContent = message.text;
    } else if (message.type === "words") transcript.tell(message);
    else if (message.type === "interrupted") tell("interrupted");
    else if (message.type === "error") {
      if (cannotTell(message.message)) canAsk.words = false; // from the next time on
      fail(new Error(message.message));
    }
  });
  state.socket.addEventListener("close", () => {
    state.socket = null;
    byId("live").checked = false;
    busy(false);
  });
  byId("stop").disabled = false;
}

function typed() {
  const text = byId("text").value;
  if (state.socket?.readyState !== WebSocket.OPEN) return;
  if (!text.startsWith(state.sent)) {
    state.socket.send('{"type":"interrupt"}');
    player.begin(performance.now());
    transcript.begin(byId("language").value);
    state.sent = "";
  }
  const added = text.slice(state.sent.length);
  if (!added) return;
  if (!state.sent) player.clickedAt = performance.now();
  state.socket.send(JSON.stringify({ type: "text", text: added }));
  state.sent = text;
}

async function listVoices(chosen) {
  const found = await api.voices();
  for (const id of ["voice", "voice-a", "voice-b"]) {
    const before = byId(id).value;
    byId(id).replaceChildren(...found.map((voice) => new Option(voice.name, voice.id, voice.default, voice.default)));
    const wanted = id === "voice" && chosen ? chosen : before;
    if (found.some((voice) => voice.id === wanted)) byId(id).value = wanted;
  }
  if (found.length > 1 && byId("voice-a").value === byId("voice-b").value) {
    byId("voice-b").value = found.find((voice) => voice.id !== byId("voice-a").value).id;
  }
  if (!found.length) tell("noVoice");
}

function takeClip({ samples, sampleRate }) {
  const faults = faultsOf(samples, sampleRate);
  const seconds = (samples.length / sampleRate).toFixed(1);
  const lines = faults.length ? faults.map(([name, values]) => word(name, values)) : [word("good", { s: seconds })];
  byId("faults").className = faults.length ? "" : "good";
  byId("faults").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  byId("recorded-s").textContent = `${seconds} s`;
  state.clip = wavOf(samples, sampleRate);
  byId("clip-player").src = URL.createObjectURL(state.clip);
  byId("clip-player").hidden = false;
  byId("clone").disabled = faults.some(([name]) => name === "tooShort" || name === "tooLong");
}

async function takeFile(file) {
  forgive();
  try {
    takeClip(await decode(file));
  } catch {
    fail(new Error(word("unreadable")));
  }
}

async function record() {
  forgive();
  if (state.recorder) {
    const recorder = state.recorder;
    state.recorder = null;
    byId("record").textContent = word("record");
    byId("record").setAttribute("aria-pressed", "false");
    takeClip(await recorder.stop());
    return;
  }
  const recorder = new Recorder((peak, seconds) => {
    byId("level").value = peak;
    byId("recorded-s").textContent = `${seconds.toFixed(1)} s`;
    if (seconds >= 9.9 && state.recorder === recorder) record();
  });
  try {
    await recorder.start();
    state.recorder = recorder;
    byId("record").textContent = word("stopRecording");
    byId("record").setAttribute("aria-pressed", "true");
  } catch (error) {
    fail(new Error(word("noMicrophone", { why: error.message })));
  }
}

async function clone(event) {
  event.preventDefault();
  forgive();
  tell("cloning");
  const name = byId("clone-name").value;
  try {
    await api.addVoice(name, state.clip, byId("clone-text").value, byId("clone-language").value);
    await listVoices(name);
    tell("cloned", { name });
  } catch (error) {
    byId("status").textContent = "";
    fail(error);
  }
}

async function compare() {
  forgive();
  const asked = { ...seeded(fields()), input: byId("text").value, response_format: "wav", stream: false, sample_rate: undefined };
  try {
    await Promise.all(["a", "b"].map(async (side) => {
      const answer = await api.speech({ ...asked, voice: byId(`voice-${side}`).value });
      byId(`audio-${side}`).src = URL.createObjectURL(await answer.blob());
    }));
    tell("compared");
    byId("audio-a").focus();
  } catch (error) {
    fail(error);
  }
}

function drawFrame() {
  requestAnimationFrame(drawFrame);
  if (!player.analyser || document.hidden) return;
  transcript.show(player.position());
  const canvas = byId("wave");
  const pen = canvas.getContext("2d");
  const values = new Float32Array(player.analyser.fftSize);
  player.analyser.getFloatTimeDomainData(values);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--main");
  pen.beginPath();
  values.forEach((value, i) => pen.lineTo((i / values.length) * canvas.width, (0.5 - 0.48 * value) * canvas.height));
  pen.stroke();
}

function useWords(name) {
  show(name);
  localStorage.setItem("words", name);
  byId("words-toggle").textContent = name === "en" ? "中文" : "English";
  byId("words-toggle").lang = name === "en" ? "zh" : "en";
  useTheme(document.documentElement.dataset.theme);
}

function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  byId("theme-toggle").textContent = word(isDark ? "light" : "dark");
}

async function offerDevice() {
  const isOffered = await device.isOffered();
  for (const id of ["device-choice", "device-figure"]) byId(id).hidden = !isOffered;
}

function languageOption(code) {
  const option = new Option(code, code);
  option.dataset.word = `in_${code}`;
  return option;
}

function start() {
  for (const id of ["language", "clone-language"]) byId(id).replaceChildren(...LANGUAGES.map(languageOption));
  useTheme(localStorage.getItem("theme") ?? undefined);
  useWords(localStorage.getItem("words") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
  byId("speak-form").addEventListener("submit", (event) => {
    event.preventDefault();
    speak();
  });
  byId("stop").addEventListener("click", () => stop());
  byId("live").addEventListener("change", () => (byId("live").checked ? liveOn().catch(fail) : state.socket?.close()));
  byId("text").addEventListener("input", typed);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) speak();
    if (event.key === "Escape" && !byId("stop").disabled) {
      stop();
      tell("stopped");
    }
  });
  byId("record").addEventListener("click", record);
  byId("clip").addEventListener("change", () => byId("clip").files[0] && takeFile(byId("clip").files[0]));
  byId("drop").addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  });
  byId("drop").addEventListener("dragleave", () => byId("drop").classList.remove("over"));
  byId("drop").addEventListener("drop", (event) => {
    event.preventDefault();
    byId("drop").classList.remove("over");
    if (event.dataTransfer.files[0]) takeFile(event.dataTransfer.files[0]);
  });
  byId("clone-form").addEventListener("submit", clone);
  byId("delete-voice").addEventListener("click", async () => {
    forgive();
    const name = byId("voice").value;
    if (!confirm(word("sureToDelete", { name }))) return;
    await api.deleteVoice(name).then(() => listVoices()).then(() => tell("deleted", { name })).catch(fail);
  });
  byId("compare").addEventListener("click", compare);
  byId("words-toggle").addEventListener("click", () => useWords(language() === "en" ? "zh" : "en"));
  byId("theme-toggle").addEventListener("click", () => {
    const isDark = byId("theme-toggle").textContent === word("light");
    localStorage.setItem("theme", isDark ? "light" : "dark");
    useTheme(isDark ? "light" : "dark");
  });
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    api.setKey(byId("key").value);
    byId("key-form").hidden = true;
    forgive();
    listVoices().catch(fail);
    offerDevice();
  });
  drawFrame();
  listVoices().catch(fail);
  offerDevice();
}

start();
navigator.serviceWorker?.register("sw.js").catch(() => undefined); // there is none over plain HTTP from elsewhere
