/** Sound out of the device. `Output` is what an utterance needs of it; a program may bring its own. */
import { SAMPLE_RATE_HZ } from "./request.js";

/** Takes samples as they come. */
export interface Output {
  /** Take [N] samples in [-1, 1] at 32 kHz. */
  write(samples: Float32Array): void;
  /** No more will come; resolves when all was heard, or when it was stopped. */
  end(): Promise<void>;
  pause(): void | Promise<void>;
  resume(): void | Promise<void>;
  /** Be silent at once and forget what was not heard. */
  stop(): void;
}

const AHEAD_S = 0.06; // before the first sample, so that the next piece can come

/** The browser's loudspeaker: pieces are scheduled one after the other on the clock of an AudioContext. */
export class SpeakerOutput implements Output {
  readonly #playing = new Set<AudioBufferSourceNode>();
  #due = 0;
  #ended = false;
  #heard: (() => void) | null = null;

  constructor(readonly context: AudioContext = new AudioContext({ latencyHint: "interactive" })) {}

  write(samples: Float32Array): void {
    if (!samples.length) return;
    const buffer = this.context.createBuffer(1, samples.length, SAMPLE_RATE_HZ);
    buffer.copyToChannel(new Float32Array(samples), 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    this.#due = Math.max(this.#due, this.context.currentTime + (this.#due ? 0 : AHEAD_S));
    source.start(this.#due);
    this.#due += buffer.duration;
    this.#playing.add(source);
    source.onended = () => {
      this.#playing.delete(source);
      this.#tell();
    };
  }

  end(): Promise<void> {
    this.#ended = true;
    return new Promise((resolve) => {
      this.#heard = resolve;
      this.#tell();
    });
  }

  pause(): Promise<void> {
    return this.context.suspend();
  }

  resume(): Promise<void> {
    return this.context.resume();
  }

  stop(): void {
    for (const source of this.#playing) {
      source.onended = null;
      source.stop();
    }
    this.#playing.clear();
    this.#due = 0;
    this.#ended = true;
    this.#tell();
  }

  #tell(): void {
    if (this.#ended && !this.#playing.size) this.#heard?.();
  }
}

/** Little-endian 16-bit samples as [N] floats in [-1, 1]. */
export function floats(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => view.getInt16(2 * index, true) / 32_767);
}
