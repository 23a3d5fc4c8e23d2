// Phrases that were heard: from the network while there is one, else as they were kept.
import { IndexedDbStore, keyOf, NetworkLost, PhraseCache, speech } from "./client/index.js";
import * as api from "./api.js";

const KEPT_BYTES = 64 * 2 ** 20; // a quarter of an hour
const cache = new PhraseCache(new IndexedDbStore(), KEPT_BYTES);

// Yields 16-bit samples at 32 kHz as they come. `options` are those the person chose; a drawn seed is not among them.
export async function* said(text, options, seed, signal) {
  const key = keyOf(text, options);
  const kept = await cache.get(key).catch(() => undefined); // a browser may refuse to keep anything
  const settings = { url: ".", key: api.currentKey(), tries: kept ? 1 : 4 };
  const pieces = [];
  try {
    for await (const piece of speech(text, { ...options, seed }, settings, signal)) {
      pieces.push(piece);
      yield piece;
    }
  } catch (error) {
    if (!(error instanceof NetworkLost) || pieces.length || !kept) throw error;
    yield kept;
    return;
  }
  const whole = new Uint8Array(await new Blob(pieces).arrayBuffer());
  await cache.put(key, whole).catch(() => undefined);
}

export function forgetPhrases() {
  return cache.clear().catch(() => undefined);
}
