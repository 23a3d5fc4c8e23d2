// The page without a network: its files as they last came, and the list of voices. Speech is kept by phrases.js.
const KEPT = "gsv-page-1";
const FILES = [
  "./", "page/api.js", "page/app.js", "page/clip.js", "page/device.js", "page/history.js", "page/icon.svg", "page/manifest.webmanifest",
  "page/phrases.js", "page/player.js", "page/player-worklet.js", "page/recorder.js", "page/recorder-worklet.js",
  "page/style.css", "page/transcript.js", "page/wav.js", "page/words.js", "page/client/cache.js", "page/client/client.js", "page/client/device.js",
  "page/client/errors.js", "page/client/index.js", "page/client/npz.js", "page/client/player.js", "page/client/request.js",
  "page/client/sha256.js", "page/client/spectrum.js", "page/client/stores.js", "page/client/stream.js", "page/client/vocoder.js",
];
const here = (name) => new URL(name, registration.scope).href;
const KNOWN = new Set([...FILES, "v1/audio/voices", "v1/device"].map(here));

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES.map(here))).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => clients.claim()));
});

// The network first, so that nobody is left with an old page; what is not known here goes its own way.
async function answer(request, name) {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(name, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(name);
    if (kept) return kept;
    throw error;
  }
}

addEventListener("fetch", (event) => {
  const name = event.request.url.split(/[?#]/)[0];
  if (event.request.method === "GET" && KNOWN.has(name)) event.respondWith(answer(event.request, name));
});
