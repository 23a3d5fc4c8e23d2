/** A gateway's speech: said now, kept for later, or fetched ahead. */
import { PhraseCache } from "./cache.js";
import { Interrupted, NetworkLost, NotKept } from "./errors.js";
import { floats, SpeakerOutput } from "./player.js";
import { keyOf } from "./request.js";
import { defaultStore } from "./stores.js";
import { speech } from "./stream.js";
const CACHE_BYTES = 64 * 2 ** 20;
/** Speaks with one gateway. */
export class SpeechClient {
    settings;
    cache;
    #speaking = new Set();
    constructor(settings) {
        this.settings = settings;
        this.cache = new PhraseCache(settings.store ?? defaultStore(), settings.cacheBytes ?? CACHE_BYTES);
    }
    /** Say a text: from the device where it is kept, else from the gateway, and then it is kept. */
    speak(text, options = {}) {
        const utterance = new Utterance((signal) => this.#audio(text, options, signal), () => this.#speaking.delete(utterance));
        this.#speaking.add(utterance);
        return utterance;
    }
    /** Stop everything that is being said. */
    interrupt() {
        for (const utterance of [...this.#speaking])
            utterance.interrupt();
    }
    /**
     * Fetch phrases that will be wanted, several at once, and keep them; those that are kept already are left alone.
     * `told` hears of each; what fails does not stop the others.
     */
    async prefetch(texts, options = {}, told = () => undefined, parallel = 2) {
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
    isKept(text, options = {}) {
        return this.cache.has(keyOf(text, this.#asked(options)));
    }
    #asked(options) {
        const { device } = this.settings;
        return device ? { ...options, latent_kbit_s: device.latentKbitS } : options;
    }
    async #fetched(text, options) {
        try {
            if (await this.isKept(text, options))
                return null;
            for await (const _ of this.#audio(text, options, new AbortController().signal)) { /* kept at its end */ }
            return null;
        }
        catch (error) {
            return error;
        }
    }
    async *#audio(text, options, signal) {
        options = this.#asked(options);
        const key = keyOf(text, options);
        const kept = await this.cache.get(key);
        if (kept) {
            yield kept;
            return;
        }
        const pieces = [];
        try {
            for await (const piece of speech(text, options, this.settings, signal)) {
                pieces.push(piece);
                yield piece;
            }
        }
        catch (error) {
            if (error instanceof NetworkLost && !pieces.length)
                throw new NotKept(`${error.message} The phrase is not kept here.`);
            throw error;
        }
        if (signal.aborted)
            throw new Interrupted("stopped");
        await this.cache.put(key, joined(pieces));
    }
}
/** Something that is being said. Take its pieces, play it, or wait for all its `bytes`; one of these, once. */
export class Utterance {
    #abort = new AbortController();
    #source;
    #ended;
    #output = null;
    constructor(source, ended) {
        this.#source = source;
        this.#ended = ended;
    }
    /** Pieces of [N] samples in [-1, 1] at 32 kHz, as they come. */
    async *[Symbol.asyncIterator]() {
        for await (const piece of this.#pieces())
            yield floats(piece);
    }
    /** All of it, as little-endian 16-bit samples. */
    async bytes() {
        const pieces = [];
        for await (const piece of this.#pieces())
            pieces.push(piece);
        return joined(pieces);
    }
    /** Play it as it comes; resolves when it was heard to its end. In a browser, call it in a click's handler. */
    async play(output = new SpeakerOutput()) {
        this.#output = output;
        await output.resume();
        try {
            for await (const samples of this)
                output.write(samples);
            await output.end();
        }
        catch (error) {
            output.stop();
            throw error;
        }
        if (this.#abort.signal.aborted)
            throw new Interrupted("stopped");
    }
    /** Be silent for now; the rest goes on coming. */
    async pause() {
        await this.#output?.pause();
    }
    /** Go on where it paused. */
    async resume() {
        await this.#output?.resume();
    }
    /** Be silent for good, and end the work at the gateway. */
    interrupt() {
        this.#abort.abort();
        this.#output?.stop();
        this.#ended();
    }
    async *#pieces() {
        try {
            for await (const piece of this.#source(this.#abort.signal)) {
                if (this.#abort.signal.aborted)
                    throw new Interrupted("stopped");
                yield piece;
            }
        }
        finally {
            this.#ended();
        }
    }
}
function joined(pieces) {
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.length;
    }
    return whole;
}
