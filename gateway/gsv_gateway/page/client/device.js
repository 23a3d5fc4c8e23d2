/** A device that makes the audio itself: fetches the gateway's vocoder once, then takes latents instead of sound. */
import { Changed } from "./errors.js";
import { readNpz } from "./npz.js";
import { sha256 as sha256of } from "./sha256.js";
import { amplified, LatentCodec, pcm16, SentenceVocoder } from "./vocoder.js";
const KEPT = "gsv-device"; // name of the browser's cache of files, found by their digests
const VOCODER = /^vocoder\/1\/[^/]+$/, CODEC = "tts/1/latent_codec.npz", GRAPHS = ["model.onnx", "spectrum.onnx"];
const SAMPLE_RATE_HZ = 32_000;
/** Vocoder and codec of a gateway. Hand it to `SpeechClient`, or to `speech`, as `device`. */
export class Device {
    latentKbitS;
    #runtime;
    #session;
    #codec;
    #manifest;
    #codecDigest;
    #voices = new Map();
    #lastVoice = "";
    /** Seconds that the vocoder took, and seconds of sound that it made. */
    workS = 0;
    audioS = 0;
    constructor(runtime, session, codec, manifest, kbitS) {
        [this.#runtime, this.#session, this.#codec, this.#manifest] = [runtime, session, codec, manifest];
        this.#codecDigest = manifest.files[CODEC]?.sha256 ?? "";
        this.latentKbitS = kbitS;
    }
    /** Fetch what is not here yet, and open it; `runtime` is onnxruntime-web. */
    static async open(settings, runtime) {
        const base = `${settings.url.replace(/\/$/, "")}/v1/device`;
        const manifest = JSON.parse(new TextDecoder().decode(await fetched(settings, `${base}/manifest.json`)));
        const kbitS = settings.latentKbitS ?? 8;
        const wanted = Object.keys(manifest.files).filter((name) => VOCODER.test(name) || (name === CODEC && kbitS));
        const total = wanted.reduce((sum, name) => sum + manifest.files[name].bytes, 0);
        const files = new Map();
        let bytes = 0;
        for (const name of wanted) {
            const data = await kept(settings, `${base}/files/${name}`, manifest.files[name].sha256);
            files.set(name, data);
            settings.progress?.(bytes += data.length, total);
        }
        const graph = GRAPHS.map((name) => `vocoder/1/${name}`).find((name) => files.has(name));
        if (!graph)
            throw new Error("the gateway's bundle has no vocoder; ask its operator");
        const codec = files.get(CODEC);
        if (kbitS && !codec)
            throw new Error("the gateway's bundle has no codec of latents; its operator runs `make codec`");
        const beside = [...files].filter(([name]) => name !== graph && name !== CODEC);
        const externalData = beside.map(([name, data]) => ({ path: name.split("/").at(-1), data }));
        const session = await runtime.InferenceSession.create(files.get(graph), externalData.length ? { externalData } : {});
        return new Device(runtime, session, codec ? new LatentCodec(readNpz(codec)) : null, manifest, kbitS);
    }
    /** What is asked beside a text and its options. */
    get asked() {
        return { latent_kbit_s: this.latentKbitS, ...(this.#lastVoice ? { known_voice: this.#lastVoice } : {}) };
    }
    /**
     * Sound of an answer of `/v1/device/speech`, as little-endian 16-bit samples, without the first `skipped` bytes. What
     * the answer says of words is `told` behind the sound that they end in.
     */
    async *sound(pieces, skipped, told) {
        let sentence = null, gain = 1, pauseS = 0, isFinal = false;
        for await (const { head, condition, numbers } of records(pieces)) {
            if (head.decoding) {
                this.#check(head.decoding);
                if (condition.length)
                    this.#voices.set(head.decoding.voice, condition);
                this.#lastVoice = head.decoding.voice;
                [gain, pauseS] = [head.decoding.gain, head.decoding.pause_s];
                const seen = this.#manifest.facts.vocoder_receptive_field_frames;
                sentence = new SentenceVocoder(this.#runtime, this.#session, this.#voices.get(this.#lastVoice), seen);
            }
            if (!sentence)
                throw new Changed("the gateway sent a part of a sentence that it did not begin");
            const began = performance.now();
            const piece = amplified(await sentence.piece(this.#frames(head, numbers), head.heard), gain);
            this.workS += (performance.now() - began) / 1000;
            this.audioS += piece.length / SAMPLE_RATE_HZ;
            const pause = head.reason ? Math.round(pauseS * SAMPLE_RATE_HZ) : 0;
            const bytes = pcm16(Float32Array.from({ length: piece.length + pause }, (_, i) => piece[i] ?? 0));
            const fresh = bytes.subarray(Math.min(skipped, bytes.length));
            skipped -= bytes.length - fresh.length;
            if (fresh.length)
                yield fresh.slice();
            const { words = [], word_faults = [] } = head;
            if (words.length || word_faults.length)
                told?.({ words, word_faults });
            isFinal = head.final;
        }
        if (!isFinal)
            throw new Error("the answer broke off");
    }
    #frames(head, numbers) {
        if (head.frame_bytes === 1)
            return this.#codec.decode(numbers, head.frames, head.width);
        return { values: floats(numbers), count: head.frames, width: head.width };
    }
    #check(decoding) {
        const isOurs = decoding.weights === this.#manifest.facts.weights_digest;
        if (!isOurs || (this.latentKbitS && decoding.codec !== this.#codecDigest)) {
            throw new Changed("the server speaks with another model than the gateway's bundle; ask the operator to make it again");
        }
    }
}
/** Records of an answer, as docs/gateway.md has them. */
async function* records(pieces) {
    let waiting = new Uint8Array(0);
    for await (const piece of pieces) {
        const joined = new Uint8Array(waiting.length + piece.length);
        joined.set(waiting);
        joined.set(piece, waiting.length);
        waiting = joined;
        for (;;) {
            if (waiting.length < 4)
                break;
            const length = new DataView(waiting.buffer, waiting.byteOffset).getUint32(0, true);
            if (waiting.length < 4 + length)
                break;
            const head = JSON.parse(new TextDecoder().decode(waiting.subarray(4, 4 + length)));
            const numbersAt = 4 + length + 4 * head.condition, end = numbersAt + head.frames * head.width * head.frame_bytes;
            if (waiting.length < end)
                break;
            yield { head, condition: floats(waiting.subarray(4 + length, numbersAt)), numbers: waiting.slice(numbersAt, end) };
            waiting = waiting.slice(end);
        }
    }
    if (waiting.length)
        throw new Error("the answer broke off");
}
/** Numbers of 4 bytes, wherever they lie. */
function floats(bytes) {
    return new Float32Array(bytes.slice().buffer);
}
async function fetched(settings, address) {
    const headers = settings.key ? { Authorization: `Bearer ${settings.key}` } : {};
    const answer = await (settings.fetch ?? fetch)(address, { headers });
    if (!answer.ok) {
        const body = await answer.json().catch(() => ({}));
        throw new Error(body.error?.message ?? `HTTP ${answer.status}`);
    }
    return new Uint8Array(await answer.arrayBuffer());
}
/** A file by its digest: from the browser's cache, else fetched, checked and put there. */
async function kept(settings, address, sha256) {
    const place = `${address}?sha256=${sha256}`;
    const cache = await globalThis.caches?.open(KEPT).catch(() => undefined); // there is none over plain HTTP from elsewhere
    const found = await cache?.match(place);
    if (found)
        return new Uint8Array(await found.arrayBuffer());
    const data = await fetched(settings, place);
    if (sha256of(data) !== sha256)
        throw new Changed(`${address} is not what its manifest says; ask the gateway's operator`);
    await cache?.put(place, new Response(data.slice())).catch(() => undefined);
    return data;
}
