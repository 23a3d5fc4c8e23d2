/** Audio as it comes, over a network that may be lost in between: no word is missing and none comes twice. */
import { Changed, Interrupted, NetworkLost, Refused } from "./errors.js";
import { bodyOf, deviceBodyOf } from "./request.js";
const OVERLAP_SAMPLES = 320; // 10 ms that are asked for again, to see that the rest fits
const LONGEST_WAIT_MS = 5_000;
/**
 * Yield a phrase as little-endian 16-bit samples at 32 kHz, in pieces of whole samples.
 *
 * When the connection breaks, the same phrase is asked for with the same seed from the sample where it broke, less a
 * short overlap; if that is not what was heard before, `Changed` is thrown. With `told` the gateway is asked when words
 * are said, and each is told once, behind the sound that it ends in.
 */
export async function* speech(text, options, settings, signal, told) {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    const wait = settings.wait ?? waited;
    let received = 0; // bytes handed out
    let tail = new Uint8Array(0); // the last of them
    let failures = 0;
    const tellNew = told && toldOnce(told);
    for (;;) {
        const before = received;
        try {
            const skipped = Math.max(0, received - tail.length);
            const fitting = new Overlap(tail);
            const pieces = settings.device
                ? settings.device.sound(answer(settings, deviceBodyOf(text, options, seed, settings.device.asked, told !== undefined), signal), skipped, tellNew)
                : spoken(settings, bodyOf(text, options, seed, skipped / 2, told !== undefined), signal, tellNew);
            for await (const piece of pieces) {
                const fresh = fitting.take(piece);
                if (!fresh.length)
                    continue;
                received += fresh.length;
                tail = lastOf(tail, fresh);
                yield fresh;
            }
            fitting.ended();
            return;
        }
        catch (error) {
            if (signal?.aborted)
                throw new Interrupted("stopped");
            const retryAfterS = error instanceof Refused ? error.retryAfterS : 0;
            if (error instanceof Changed || retryAfterS === null)
                throw error;
            failures = received > before ? 1 : failures + 1;
            if (failures > (settings.tries ?? 8)) {
                throw error instanceof Refused ? error : new NetworkLost(`${settings.url}: ${String(error)}; is the gateway there?`);
            }
            const patient = Math.min(LONGEST_WAIT_MS, (settings.waitMs ?? 200) * 2 ** (failures - 1));
            await wait(Math.max(patient, 1_000 * retryAfterS), signal);
        }
    }
}
/** Samples that the gateway speaks. */
function spoken(settings, body, signal, tellNew) {
    const pieces = answer(settings, body, signal);
    return wholeSamples(tellNew ? soundOf(pieces, tellNew) : pieces);
}
/** Compares what comes again with what was heard. */
class Overlap {
    #left;
    constructor(heard) {
        this.#left = heard;
    }
    /** What of a piece is new. */
    take(piece) {
        const again = piece.subarray(0, this.#left.length);
        if (again.some((byte, index) => byte !== this.#left[index])) {
            throw new Changed("the gateway speaks otherwise than before the network was lost; say the phrase anew");
        }
        this.#left = this.#left.subarray(again.length);
        return piece.subarray(again.length);
    }
    /** The answer is over. */
    ended() {
        if (this.#left.length)
            throw new Changed("the gateway's answer is shorter than what was heard; say the phrase anew");
    }
}
function lastOf(tail, fresh) {
    const joined = new Uint8Array(tail.length + fresh.length);
    joined.set(tail);
    joined.set(fresh, tail.length);
    return joined.slice(-2 * OVERLAP_SAMPLES);
}
async function* answer(settings, body, signal) {
    const headers = { "Content-Type": "application/json" };
    if (settings.key)
        headers["Authorization"] = `Bearer ${settings.key}`;
    const call = settings.fetch ?? fetch;
    const address = `${settings.url.replace(/\/$/, "")}${settings.device ? "/v1/device/speech" : "/v1/audio/speech"}`;
    const response = await call(address, { method: "POST", headers, body, ...(signal ? { signal } : {}) });
    if (!response.ok)
        throw await refusal(response);
    const reader = response.body.getReader();
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done)
                return;
            yield value;
        }
    }
    finally {
        reader.cancel().catch(() => undefined);
    }
}
/** The sound of server-sent events; their words are told. An answer without its last event has broken off. */
async function* soundOf(pieces, told) {
    const decoder = new TextDecoder();
    let text = "";
    let isDone = false;
    for await (const piece of pieces) {
        const events = (text + decoder.decode(piece, { stream: true })).split("\n\n");
        text = events.pop();
        for (const each of events) {
            const event = JSON.parse(each.slice("data: ".length));
            if (event.type === "speech.audio.delta")
                yield Uint8Array.from(atob(event.audio), (each) => each.charCodeAt(0));
            else if (event.type === "speech.audio.words")
                told({ words: event.words, word_faults: event.word_faults ?? [] });
            else
                isDone ||= event.type === "speech.audio.done";
        }
    }
    if (!isDone)
        throw new Error("the answer broke off");
}
/** Passes on what was not told yet: a stream that is taken up again tells all its words again. */
function toldOnce(told) {
    const before = new Set();
    const isNew = (each) => {
        const name = JSON.stringify(each);
        return before.has(name) ? false : Boolean(before.add(name));
    };
    return ({ words, word_faults }) => {
        const fresh = { words: words.filter(isNew), word_faults: word_faults.filter(isNew) };
        if (fresh.words.length || fresh.word_faults.length)
            told(fresh);
    };
}
async function refusal(response) {
    const body = await response.json().catch(() => ({}));
    const after = Number(response.headers.get("retry-after") ?? NaN);
    const passing = response.status === 503 || response.status === 504 || response.status === 429;
    const retryAfterS = Number.isFinite(after) ? after : passing ? 1 : null;
    return new Refused(response.status, body.error?.message ?? `HTTP ${response.status}`, retryAfterS);
}
/** The network may cut a sample in two; nobody after this sees half of one. */
async function* wholeSamples(pieces) {
    let odd = new Uint8Array(0);
    for await (const piece of pieces) {
        const joined = new Uint8Array(odd.length + piece.length);
        joined.set(odd);
        joined.set(piece, odd.length);
        const even = joined.length - (joined.length % 2);
        odd = joined.slice(even);
        if (even)
            yield joined.slice(0, even);
    }
}
function waited(ms, signal) {
    return new Promise((resolve) => {
        const end = () => {
            clearTimeout(timer);
            globalThis.removeEventListener?.("online", end);
            resolve();
        };
        const timer = setTimeout(end, ms);
        globalThis.addEventListener?.("online", end);
        signal?.addEventListener("abort", end, { once: true });
    });
}
