/**
 * Phrases kept on the device. Audio is found by what it holds (SHA-256), phrases by what was asked, so that two phrases
 * of the same audio take its room once. The bytes kept never exceed the limit, not even while something is put.
 */
import { sha256 } from "./sha256.js";
/** Phrases within a limit, the one that was not wanted longest goes first. */
export class PhraseCache {
    store;
    limitBytes;
    constructor(store, limitBytes) {
        this.store = store;
        this.limitBytes = limitBytes;
    }
    /** The audio of a phrase; undefined where it is not kept, or its bytes are not what they were. */
    async get(key) {
        return this.store.change(async (contents) => {
            const record = await contents.phrase(key);
            const bytes = record && await contents.audio(record.hash);
            if (!record || !bytes)
                return undefined;
            if (sha256(bytes) !== record.hash) {
                contents.deletePhrase(key);
                contents.deleteAudio(record.hash);
                return undefined;
            }
            contents.setPhrase({ ...record, used: await now(contents) });
            return bytes;
        });
    }
    /** Whether a phrase is kept; it counts as no use. */
    async has(key) {
        return this.store.change(async (contents) => (await contents.phrase(key)) !== undefined);
    }
    /** Keep a phrase; false where it is larger than the limit by itself. */
    async put(key, bytes) {
        if (bytes.length > this.limitBytes)
            return false;
        const hash = sha256(bytes);
        return this.store.change(async (contents) => {
            const [records, sizes] = [await contents.phrases(), await contents.sizes()];
            const old = records.find((record) => record.key === key);
            const kept = records.filter((record) => record !== old);
            if (old && old.hash !== hash)
                dropAudio(contents, kept, sizes, old.hash);
            if (!sizes.has(hash)) {
                makeRoom(contents, kept, sizes, this.limitBytes - bytes.length);
                contents.setAudio(hash, bytes);
            }
            contents.setPhrase({ key, hash, used: 1 + newest(records) });
            return true;
        });
    }
    /** Forget a phrase. */
    async delete(key) {
        await this.store.change(async (contents) => {
            const records = await contents.phrases();
            const old = records.find((record) => record.key === key);
            if (!old)
                return;
            contents.deletePhrase(key);
            dropAudio(contents, records.filter((record) => record !== old), await contents.sizes(), old.hash);
        });
    }
    /** Forget every phrase. */
    async clear() {
        await this.store.change(async (contents) => {
            for (const { key } of await contents.phrases())
                contents.deletePhrase(key);
            for (const hash of (await contents.sizes()).keys())
                contents.deleteAudio(hash);
        });
    }
    /** Bytes of audio, and how many phrases, that are kept. */
    async size() {
        return this.store.change(async (contents) => ({
            bytes: total(await contents.sizes()), phrases: (await contents.phrases()).length,
        }));
    }
}
function makeRoom(contents, kept, sizes, room) {
    const oldest = [...kept].sort((one, other) => one.used - other.used);
    while (total(sizes) > room) {
        const record = oldest.shift();
        if (!record)
            break;
        kept.splice(kept.indexOf(record), 1);
        contents.deletePhrase(record.key);
        dropAudio(contents, kept, sizes, record.hash);
    }
}
function dropAudio(contents, kept, sizes, hash) {
    if (kept.some((record) => record.hash === hash))
        return;
    contents.deleteAudio(hash);
    sizes.delete(hash);
}
function total(sizes) {
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
function newest(records) {
    return records.reduce((most, record) => Math.max(most, record.used), 0);
}
async function now(contents) {
    return 1 + newest(await contents.phrases());
}
