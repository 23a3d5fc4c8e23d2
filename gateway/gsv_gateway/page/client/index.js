/** Speech of a gsv-triton gateway for browsers, phones and Node.js. */
export { PhraseCache } from "./cache.js";
export { SpeechClient, Utterance } from "./client.js";
export { Device } from "./device.js";
export { Changed, Interrupted, NetworkLost, NotKept, Refused, SpeechError } from "./errors.js";
export { floats, SpeakerOutput } from "./player.js";
export { keyOf, SAMPLE_RATE_HZ } from "./request.js";
export { defaultStore, IndexedDbStore, MemoryStore } from "./stores.js";
export { speech } from "./stream.js";
