/** A gateway's speech: said now, kept for later, or fetched ahead. */
import { PhraseCache, type Store } from "./cache.js";
import { Interrupted, NetworkLost, NotKept } from "./errors.js";
import { floats, SpeakerOutput, type Output } from "./player.js";
import { keyOf, type SpeechOptions } from "./request.js";
import { defaultStore } from "./stores.js";
import { speech, type StreamSettings } from "./stream.js";

/** How a client is made. */
export interface ClientSettings extends StreamSettings {
  /** Bytes of audio that may be kept; default 64 MB, a quarter of an hour. */
  cacheBytes?: number;
  store?: Store;
}

/** One phrase of a list that is fetched ahead. */
export interface Fetched {
  text: string;
  done: number;
  total: number;
  error: Error | null;
}

const CACHE_BYTES = 64 * 2 ** 20;

/** Speaks with one gateway. */
export class SpeechClient {
  readonly cache: PhraseCache;
  readonly #speaking = new Set<Utterance>();

  constructor(readonly settings: ClientSettings) {
    this.cache = new PhraseCache(settings.store ?? defaultStore(), settings.cacheBytes ?? CACHE_BYTES);
  }

  /** Say a text: from the device where it is kept, else from the gateway, and then it is kept. */
  speak(text: string, options: SpeechOptions = {}): Utterance {
    const utterance = new Utterance((signal) => this.#audio(text, options, signal), () => this.#speaking.delete(utterance));
    this.#speaking.add(utterance);
    return utterance;
  }

  /** Stop everything that is being said. */
  interrupt(): void {
    for (const utterance of [...this.#speaking]) utterance.interrupt();
  }

  /**
   * Fetch phrases that will be wanted, several at once, and keep them; those that are kept already are left alone.
   * `told` hears of each; what fails does not stop the others.
   */
  async prefetch(
    texts: readonly string[], options: SpeechOptions = {}, told: (each: Fetched) => void = () => undefined, parallel = 2,
  ): Promise<void> {
    const waiting = [...texts];
    let done = 0;
    const worker = async () => {
      for (let text = waiting.shift(); text !== undefined; text = waiting.shift()) {
        const error = await this.#fetched(text, { priority: "batch", ...options });
        done += 1;
        told({ text, done, total: texts.length, error });
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
  }

  /** Whether a phrase can be said without a network. */
  isKept(text: string, options: SpeechOptions = {}): Promise<boolean> {
    return this.cache.has(keyOf(text, this.#asked(options)));
  }

  #asked(options: SpeechOptions): SpeechOptions {
    const { device } = this.settings;
    return device ? { ...options, latent_kbit_s: device.latentKbitS } : options;
  }

  async #fetched(text: string, options: SpeechOptions): Promise<Error | null> {
    try {
      if (await this.isKept(text, options)) return null;
      for await (const _ of this.#audio(text, options, new AbortController().signal)) { /* kept at its end */ }
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  async *#audio(text: string, options: SpeechOptions, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    options = this.#asked(options);
    const key = keyOf(text, options);
    const kept = await this.cache.get(key);
    if (kept) {
      yield kept;
      return;
    }
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of speech(text, options, this.settings, signal)) {
        pieces.push(piece);
        yield piece;
      }
    } catch (error) {
      if (error instanceof NetworkLost && !pieces.length) throw new NotKept(`${error.message} The phrase is not kept here.`);
      throw error;
    }
    if (signal.aborted) throw new Interrupted("stopped");
    await this.cache.put(key, joined(pieces));
  }
}

/** Something that is being said. Take its pieces, play it, or wait for all its `bytes`; one of these, once. */
export class Utterance implements AsyncIterable<Float32Array> {
  readonly #abort = new AbortController();
  readonly #source: (signal: AbortSignal) => AsyncGenerator<Uint8Array, void, void>;
  readonly #ended: () => void;
  #output: Output | null = null;

  constructor(source: (signal: AbortSignal) => AsyncGenerator<Uint8Array, void, void>, ended: () => void) {
    this.#source = source;
    this.#ended = ended;
  }

  /** Pieces of [N] samples in [-1, 1] at 32 kHz, as they come. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, void> {
    for await (const piece of this.#pieces()) yield floats(piece);
  }

  /** All of it, as little-endian 16-bit samples. */
  async bytes(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#pieces()) pieces.push(piece);
    return joined(pieces);
  }

  /** Play it as it comes; resolves when it was heard to its end. In a browser, call it in a click's handler. */
  async play(output: Output = new SpeakerOutput()): Promise<void> {
    this.#output = output;
    await output.resume();
    try {
      for await (const samples of this) output.write(samples);
      await output.end();
    } catch (error) {
      output.stop();
      throw error;
    }
    if (this.#abort.signal.aborted) throw new Interrupted("stopped");
  }

  /** Be silent for now; the rest goes on coming. */
  async pause(): Promise<void> {
    await this.#output?.pause();
  }

  /** Go on where it paused. */
  async resume(): Promise<void> {
    await this.#output?.resume();
  }

  /** Be silent for good, and end the work at the gateway. */
  interrupt(): void {
    this.#abort.abort();
    this.#output?.stop();
    this.#ended();
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const piece of this.#source(this.#abort.signal)) {
        if (this.#abort.signal.aborted) throw new Interrupted("stopped");
        yield piece;
      }
    } finally {
      this.#ended();
    }
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
