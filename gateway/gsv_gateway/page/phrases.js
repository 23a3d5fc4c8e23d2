// Phrases that were heard: from the network while there is one, else as they were kept.
import { IndexedDbStore, keyOf, NetworkLost, PhraseCache, Refused, speech } from "./client/index.js";
import * as api from "./api.js";

const KEPT_BYTES = 64 * 2 ** 20; // a quarter of an hour
const cache = new PhraseCache(new IndexedDbStore(), KEPT_BYTES);

// Whether the server can tell when words are said; one that was built long ago says that it cannot.
export const asked = { words: true };

export function cannotTell(message) {
  return /when words are said/.test(message);
}

// Yields 16-bit samples at 32 kHz as they come, and tells words with their times behind the sound that they end in. `options` are those the person chose;
// a drawn seed is not among them. With a `device` the sound is made here.
export async function* said(text, options, seed, signal, told, device) {
  const key = keyOf(text, device ? { ...options, latent_kbit_s: device.latentKbitS } : options);
  const kept = await cache.get(key).catch(() => undefined); // a browser may refuse to keep anything
  const settings = { url: ".", key: api.currentKey(), tries: kept ? 1 : 4, ...(device ? { device } : {}) };
  const pieces = [];
  const heard = [];
  const tell = (words) => {
    heard.push(words);
    told(words);
  };
  try {
    for await (const piece of speech(text, { ...options, seed }, settings, signal, asked.words ? tell : undefined)) {
      pieces.push(piece);
      yield piece;
    }
  } catch (error) {
    if (asked.words && error instanceof Refused && cannotTell(error.message)) {
      asked.words = false;
      yield* said(text, options, seed, signal, told, device);
      return;
    }
    if (!(error instanceof NetworkLost) || pieces.length || !kept) throw error;
    yield kept;
    const words = await cache.get(`words ${key}`).catch(() => undefined);
    if (words) JSON.parse(new TextDecoder().decode(words)).forEach(told);
    return;
  }
  const whole = new Uint8Array(await new Blob(pieces).arrayBuffer());
  await cache.put(key, whole).catch(() => undefined);
  await cache.put(`words ${key}`, new TextEncoder().encode(JSON.stringify(heard))).catch(() => undefined);
}

export function forgetPhrases() {
  return cache.clear().catch(() => undefined);
}
