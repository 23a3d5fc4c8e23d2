/** What is asked of the gateway, and the key under which its answer is kept. */
import { sha256 } from "./sha256.js";

/** How to say it; what is left out is the gateway's default. Fields as in docs/gateway.md. */
export interface SpeechOptions {
  voice?: string;
  /** Anything that changes when the voice does, such as its `created` in the list of voices. */
  voiceVersion?: string;
  language?: string;
  speed?: number;
  /** The same seed gives the same audio; without one, any take that is kept will do. */
  seed?: number;
  top_k?: number;
  top_p?: number;
  temperature?: number;
  repetition_penalty?: number;
  noise_scale?: number;
  pause_s?: number;
  split_method?: string;
  lexicon?: string;
  priority?: "interactive" | "batch";
  /** At what rate a device takes latents; set by the client where there is one, so that its phrases are kept apart. */
  latent_kbit_s?: number;
}

/** Samples a second of what is kept and played: the model's own, so that nothing is resampled on the way. */
export const SAMPLE_RATE_HZ = 32_000;

const NOT_IN_KEY = new Set(["priority"]); // who is served first changes no audio

/** Options without those that are empty. */
export function given(options: SpeechOptions): Record<string, string | number> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries) as Record<string, string | number>;
}

/**
 * The key of a phrase: SHA-256 of its text and options as JSON with sorted names. `gsv_client.phrase_cache.key_of` makes
 * the same, so that phrases fetched by one are found by the other.
 */
export function keyOf(text: string, options: SpeechOptions = {}): string {
  const fields: Record<string, string | number> = { input: text, sample_rate: SAMPLE_RATE_HZ, ...given(options) };
  const names = Object.keys(fields).filter((name) => !NOT_IN_KEY.has(name)).sort();
  return sha256(`{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(fields[name])}`).join(",")}}`);
}

/**
 * The body of `POST /v1/audio/speech`; it always has a seed, so that a lost stream can be taken up again. `isTimed` asks
 * for events that tell when words are said.
 */
export function bodyOf(text: string, options: SpeechOptions, seed: number, skipSamples: number, isTimed = false): string {
  const { voiceVersion: _, ...asked } = given(options) as Record<string, string | number> & { voiceVersion?: string };
  return JSON.stringify({
    model: "gpt-sovits", ...asked, input: text, seed, response_format: "pcm", sample_rate: SAMPLE_RATE_HZ,
    ...(skipSamples ? { skip_samples: skipSamples } : {}),
    ...(isTimed ? { stream_format: "sse", timestamp_granularities: ["word"] } : {}),
  });
}

/** The body of `POST /v1/device/speech`, which answers with latents; all of them, since they are few bytes. `isTimed` as `bodyOf`. */
export function deviceBodyOf(
  text: string, options: SpeechOptions, seed: number, asked: Record<string, string | number>, isTimed = false,
): string {
  const { voiceVersion: _, ...given_ } = given(options) as Record<string, string | number> & { voiceVersion?: string };
  const timed = isTimed ? { timestamp_granularities: ["word"] } : {};
  return JSON.stringify({ model: "gpt-sovits", ...given_, ...asked, input: text, seed, ...timed });
}
