/**
 * SHA-256 by hand: `crypto.subtle` is missing on pages that came over plain HTTP, as from a gateway in one's own house.
 * Source: FIPS 180-4.
 */
const PRIMES = firstPrimes(64);
const K = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
function firstPrimes(count) {
    const found = [];
    for (let each = 2; found.length < count; each += 1)
        if (found.every((prime) => each % prime !== 0))
            found.push(each);
    return found;
}
function fraction(value) {
    return Math.floor((value % 1) * 2 ** 32) | 0;
}
function turned(value, bits) {
    return (value >>> bits) | (value << (32 - bits));
}
/** SHA-256 of bytes, or of a text's UTF-8, in hexadecimal. */
export function sha256(data) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const padded = new Uint8Array(64 * Math.ceil((bytes.length + 9) / 64));
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setBigUint64(padded.length - 8, 8n * BigInt(bytes.length));
    const state = Int32Array.from(START);
    const words = new Int32Array(64);
    for (let block = 0; block < padded.length; block += 64)
        mix(state, words, view, block);
    return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
function mix(state, w, view, block) {
    for (let i = 0; i < 16; i += 1)
        w[i] = view.getInt32(block + 4 * i);
    for (let i = 16; i < 64; i += 1) {
        const [early, late] = [w[i - 15], w[i - 2]];
        const low = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
        const high = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
        w[i] = (w[i - 16] + low + w[i - 7] + high) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
        const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, index) => { state[index] = (state[index] + value) | 0; });
}
