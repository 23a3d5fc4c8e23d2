import { FRAME_SAMPLES, waveformOf } from "./spectrum.js";
const ENTRIES = 256;
const KNEE = 0.8; // above it peaks are rounded off
/** Reads frames that the server's codec wrote. */
export class LatentCodec {
    #mean;
    #leave; // [K, D]
    #tables; // [Q, 256, K]
    constructor(arrays) {
        const { mean, leave, tables } = arrays;
        if (!mean || !leave || !tables)
            throw new Error("the codec of latents is incomplete; ask the gateway's operator");
        [this.#mean, this.#leave, this.#tables] = [mean, leave, tables];
    }
    /** `codes` are [count, stages]. */
    decode(codes, count, stages) {
        const [, , inner = 0] = this.#tables.shape, width = this.#mean.values.length;
        const sum = new Float32Array(inner), values = new Float32Array(count * width);
        for (let frame = 0; frame < count; frame += 1) {
            sum.fill(0);
            for (let stage = 0; stage < stages; stage += 1) {
                const row = (stage * ENTRIES + codes[frame * stages + stage]) * inner;
                for (let k = 0; k < inner; k += 1)
                    sum[k] += this.#tables.values[row + k];
            }
            const out = values.subarray(frame * width, (frame + 1) * width);
            out.set(this.#mean.values);
            for (let k = 0; k < inner; k += 1) {
                const size = sum[k];
                for (let d = 0; d < width; d += 1)
                    out[d] += size * this.#leave.values[k * width + d];
            }
        }
        return { values, count, width };
    }
}
/** One sentence: takes its chunks and gives their sound, the seams joined. */
export class SentenceVocoder {
    #runtime;
    #session;
    #condition;
    #seen; // frames to each side that decide a frame's samples
    #before = new Float32Array(0);
    #tail = new Float32Array(0);
    constructor(runtime, session, condition, seen) {
        [this.#runtime, this.#session, this.#condition, this.#seen] = [runtime, session, condition, seen];
    }
    /** Sound of a chunk, `heard` frames; the frames behind those only tell the vocoder what follows. */
    async piece(frames, heard) {
        const { width } = frames, before = this.#before.length / width;
        const whole = new Float32Array(this.#before.length + frames.values.length);
        whole.set(this.#before);
        whole.set(frames.values, this.#before.length);
        const stop = before + heard;
        this.#before = whole.slice(Math.max(0, stop - this.#seen) * width, stop * width);
        const samples = await this.#vocoded(whole, before + frames.count, width);
        const piece = samples.slice(before * FRAME_SAMPLES, stop * FRAME_SAMPLES);
        const overlap = Math.min(this.#tail.length, piece.length);
        for (let i = 0; i < overlap; i += 1) {
            const rising = Math.sin((Math.PI / 2) * ((i + 0.5) / overlap)) ** 2;
            piece[i] = this.#tail[i] + rising * (piece[i] - this.#tail[i]);
        }
        this.#tail = samples.slice(stop * FRAME_SAMPLES, (stop + 1) * FRAME_SAMPLES);
        return piece;
    }
    async #vocoded(values, count, width) {
        const turned = new Float32Array(values.length); // [width, count], as the graph takes it
        for (let frame = 0; frame < count; frame += 1) {
            for (let d = 0; d < width; d += 1)
                turned[d * count + frame] = values[frame * width + d];
        }
        const { Tensor } = this.#runtime;
        const made = await this.#session.run({
            latents: new Tensor("float32", turned, [1, width, count]),
            frame_lengths: new Tensor("int64", BigInt64Array.of(BigInt(count)), [1, 1]),
            global_condition: new Tensor("float32", this.#condition, [1, this.#condition.length]),
        });
        const samples = made["waveform"]
            ? made["waveform"].data
            : waveformOf(made["magnitude"].data, made["phase"].data, count);
        return samples.map((sample) => Math.min(1, Math.max(-1, sample)));
    }
}
/** Louder or softer by `gain`; peaks are rounded off instead of clipped. */
export function amplified(samples, gain) {
    if (gain === 1)
        return samples;
    const room = 1 - KNEE;
    return samples.map((sample) => {
        const scaled = sample * gain, over = Math.abs(scaled) - KNEE;
        return over > 0 ? Math.sign(scaled) * (KNEE + room * Math.tanh(over / room)) : scaled;
    });
}
/** [N] samples in [-1, 1] as little-endian 16-bit ones, as the gateway writes them. */
export function pcm16(samples) {
    const view = new DataView(new ArrayBuffer(2 * samples.length));
    samples.forEach((sample, i) => view.setInt16(2 * i, Math.trunc(Math.min(1, Math.max(-1, sample)) * 32767), true));
    return new Uint8Array(view.buffer);
}
