/** What is asked of the gateway, and the key under which its answer is kept. */
import { sha256 } from "./sha256.js";
/** Samples a second of what is kept and played: the model's own, so that nothing is resampled on the way. */
export const SAMPLE_RATE_HZ = 32_000;
const NOT_IN_KEY = new Set(["priority"]); // who is served first changes no audio
/** Options without those that are empty. */
export function given(options) {
    const entries = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
    return Object.fromEntries(entries);
}
/**
 * The key of a phrase: SHA-256 of its text and options as JSON with sorted names. `gsv_client.phrase_cache.key_of` makes
 * the same, so that phrases fetched by one are found by the other.
 */
export function keyOf(text, options = {}) {
    const fields = { input: text, sample_rate: SAMPLE_RATE_HZ, ...given(options) };
    const names = Object.keys(fields).filter((name) => !NOT_IN_KEY.has(name)).sort();
    return sha256(`{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(fields[name])}`).join(",")}}`);
}
/**
 * The body of `POST /v1/audio/speech`; it always has a seed, so that a lost stream can be taken up again. `isTimed` asks
 * for events that tell when words are said.
 */
export function bodyOf(text, options, seed, skipSamples, isTimed = false) {
    const { voiceVersion: _, ...asked } = given(options);
    return JSON.stringify({
        model: "gpt-sovits", ...asked, input: text, seed, response_format: "pcm", sample_rate: SAMPLE_RATE_HZ,
        ...(skipSamples ? { skip_samples: skipSamples } : {}),
        ...(isTimed ? { stream_format: "sse", timestamp_granularities: ["word"] } : {}),
    });
}
/** The body of `POST /v1/device/speech`, which answers with latents; all of them, since they are few bytes. `isTimed` as `bodyOf`. */
export function deviceBodyOf(text, options, seed, asked, isTimed = false) {
    const { voiceVersion: _, ...given_ } = given(options);
    const timed = isTimed ? { timestamp_granularities: ["word"] } : {};
    return JSON.stringify({ model: "gpt-sovits", ...given_, ...asked, input: text, seed, ...timed });
}
