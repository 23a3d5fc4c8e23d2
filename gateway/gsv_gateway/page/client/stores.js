/** Keeps phrases while the program runs; for Node.js and tests. */
export class MemoryStore {
    #phrases = new Map();
    #audio = new Map();
    #last = Promise.resolve();
    change(work) {
        const result = this.#last.then(() => work(this.#contents()));
        this.#last = result.catch(() => undefined);
        return result;
    }
    #contents() {
        const [phrases, audio] = [this.#phrases, this.#audio];
        return {
            phrases: async () => [...phrases.values()],
            phrase: async (key) => phrases.get(key),
            setPhrase: (record) => { phrases.set(record.key, record); },
            deletePhrase: (key) => { phrases.delete(key); },
            audio: async (hash) => audio.get(hash),
            sizes: async () => new Map([...audio].map(([hash, bytes]) => [hash, bytes.length])),
            setAudio: (hash, bytes) => { audio.set(hash, bytes); },
            deleteAudio: (hash) => { audio.delete(hash); },
        };
    }
}
const [PHRASES, AUDIO, SIZES] = ["phrases", "audio", "sizes"];
/** Keeps phrases in the browser's IndexedDB, over visits and without a network. */
export class IndexedDbStore {
    name;
    factory;
    #database = null;
    constructor(name = "gsv-phrases", factory = indexedDB) {
        this.name = name;
        this.factory = factory;
    }
    async change(work) {
        const database = await (this.#database ??= this.#open());
        const transaction = database.transaction([PHRASES, AUDIO, SIZES], "readwrite");
        const ended = new Promise((resolve, reject) => {
            transaction.oncomplete = () => resolve();
            transaction.onabort = () => reject(transaction.error ?? new Error("the browser gave the change up"));
        });
        try {
            const result = await work(contentsOf(transaction));
            await ended;
            return result;
        }
        catch (error) {
            ended.catch(() => undefined);
            try {
                transaction.abort();
            }
            catch { /* it has ended by itself */ }
            throw error;
        }
    }
    /** Let the database go. */
    async close() {
        (await this.#database)?.close();
        this.#database = null;
    }
    #open() {
        const request = this.factory.open(this.name, 1);
        request.onupgradeneeded = () => {
            request.result.createObjectStore(PHRASES, { keyPath: "key" });
            request.result.createObjectStore(AUDIO);
            request.result.createObjectStore(SIZES);
        };
        return answerOf(request);
    }
}
function contentsOf(transaction) {
    const [phrases, audio, sizes] = [PHRASES, AUDIO, SIZES].map((name) => transaction.objectStore(name));
    return {
        phrases: () => answerOf(phrases.getAll()),
        phrase: (key) => answerOf(phrases.get(key)),
        setPhrase: (record) => { phrases.put(record); },
        deletePhrase: (key) => { phrases.delete(key); },
        audio: (hash) => answerOf(audio.get(hash)),
        sizes: async () => {
            const [keys, values] = [sizes.getAllKeys(), sizes.getAll()];
            const hashes = await answerOf(keys);
            const all = await answerOf(values);
            return new Map(hashes.map((hash, index) => [hash, all[index]]));
        },
        setAudio: (hash, bytes) => { audio.put(bytes, hash); sizes.put(bytes.length, hash); },
        deleteAudio: (hash) => { audio.delete(hash); sizes.delete(hash); },
    };
}
function answerOf(request) {
    return new Promise((resolve, reject) => {
        if (request.readyState === "done") {
            resolve(request.result);
            return;
        }
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}
/** IndexedDB where there is one. */
export function defaultStore() {
    return typeof indexedDB === "undefined" ? new MemoryStore() : new IndexedDbStore();
}
