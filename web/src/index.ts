/** Speech of a gsv-triton gateway for browsers, phones and Node.js. */
export { PhraseCache, type Contents, type PhraseRecord, type Store } from "./cache.js";
export { SpeechClient, Utterance, type ClientSettings, type Fetched } from "./client.js";
export { Device, type DeviceSettings } from "./device.js";
export { Changed, Interrupted, NetworkLost, NotKept, Refused, SpeechError } from "./errors.js";
export { floats, SpeakerOutput, type Output } from "./player.js";
export { keyOf, SAMPLE_RATE_HZ, type SpeechOptions } from "./request.js";
export { defaultStore, IndexedDbStore, MemoryStore } from "./stores.js";
export { speech, type SpokenWord, type SpokenWords, type StreamSettings, type WordFault } from "./stream.js";
export type { Runtime, Session } from "./vocoder.js";
