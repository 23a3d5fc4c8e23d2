/** Sound out of the device. `Output` is what an utterance needs of it; a program may bring its own. */
import { SAMPLE_RATE_HZ } from "./request.js";
const AHEAD_S = 0.06; // before the first sample, so that the next piece can come
/** The browser's loudspeaker: pieces are scheduled one after the other on the clock of an AudioContext. */
export class SpeakerOutput {
    context;
    #playing = new Set();
    #due = 0;
    #ended = false;
    #heard = null;
    constructor(context = new AudioContext({ latencyHint: "interactive" })) {
        this.context = context;
    }
    write(samples) {
        if (!samples.length)
            return;
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
    end() {
        this.#ended = true;
        return new Promise((resolve) => {
            this.#heard = resolve;
            this.#tell();
        });
    }
    pause() {
        return this.context.suspend();
    }
    resume() {
        return this.context.resume();
    }
    stop() {
        for (const source of this.#playing) {
            source.onended = null;
            source.stop();
        }
        this.#playing.clear();
        this.#due = 0;
        this.#ended = true;
        this.#tell();
    }
    #tell() {
        if (this.#ended && !this.#playing.size)
            this.#heard?.();
    }
}
/** Little-endian 16-bit samples as [N] floats in [-1, 1]. */
export function floats(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Float32Array.from({ length: bytes.length / 2 }, (_, index) => view.getInt16(2 * index, true) / 32_767);
}
