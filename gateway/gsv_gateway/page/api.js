// The gateway's HTTP and WebSocket, relative to the page, so that a proxy may put it anywhere.
let key = sessionStorage.getItem("key") ?? "";

export function setKey(value) {
  key = value;
  sessionStorage.setItem("key", value);
}

export function currentKey() {
  return key;
}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function checked(answer) {
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, body.error?.message ?? `HTTP ${answer.status}`);
}

function headers(more = {}) {
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

export async function voices() {
  return (await (await checked(await fetch("v1/audio/voices", { headers: headers() }))).json()).voices;
}

export async function device() {
  return (await checked(await fetch("v1/device", { headers: headers() }))).json();
}

export async function speech(fields, signal) {
  const body = JSON.stringify({ model: "gpt-sovits", ...fields });
  const options = { method: "POST", headers: headers({ "Content-Type": "application/json" }), body, signal };
  return checked(await fetch("v1/audio/speech", options));
}

export async function addVoice(name, clip, text, language) {
  const form = new FormData();
  form.append("name", name);
  if (text) form.append("prompt_text", text);
  if (language) form.append("prompt_language", language);
  form.append("audio_sample", clip, "clip.wav");
  await checked(await fetch("v1/audio/voices", { method: "POST", headers: headers(), body: form }));
}

export async function deleteVoice(name) {
  await checked(await fetch(`v1/audio/voices/${encodeURIComponent(name)}`, { method: "DELETE", headers: headers() }));
}

export function live(fields) {
  const socket = new WebSocket(new URL("live", location.href).href.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "start", ...(key ? { key } : {}), ...fields })));
  return socket;
}
