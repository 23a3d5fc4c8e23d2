// Speak phones with a bundle of gsv-triton: Node.js, onnxruntime-node, and none of its packages (docs/bundle.md).
//
//     npm install && node speak.mjs voice.gsv -o sample.wav              the bundle's sample
//     node speak.mjs voice.gsv --phones "HH AH0 L OW1 ." -o hello.wav
//
// It draws nothing: the likeliest token is taken and no noise is added, so every loader gives the same audio.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";

const BLOCKED = -1e4;
// Entries of a ZIP archive that are stored, not compressed; a bundle and an .npz file are such archives.
function entriesOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end -= 1;
  const entries = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const [method, size] = [view.getUint16(at + 10, true), view.getUint32(at + 24, true)];
    const [nameLength, extraLength, noteLength] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    if (method !== 0 || size === 0xffffffff || local === 0xffffffff) throw new Error(`${name} cannot be read: compressed, or over 4 GB`);
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    entries.set(name, bytes.subarray(data, data + size));
    at += 46 + nameLength + extraLength + noteLength;
  }
  return entries;
}

// An array of NumPy's .npy format: little-endian int64 or float32, in C order.
function arrayOf(bytes) {
  const start = bytes[6] === 1 ? 10 : 12;
  const headLength = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const head = new TextDecoder().decode(bytes.subarray(start, start + headLength));
  if (head.includes("'fortran_order': True")) throw new Error("an array in Fortran's order; need C order");
  const shape = head.match(/'shape': \(([^)]*)\)/)[1].split(",").filter((each) => each.trim()).map(Number);
  const buffer = bytes.slice(start + headLength).buffer;
  return { shape, data: head.includes("'<i8'") ? new BigInt64Array(buffer) : new Float32Array(buffer) };
}

const int64 = (values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
const int32 = (values, shape) => new ort.Tensor("int32", Int32Array.from(values), shape);
const float32 = (values, shape) => new ort.Tensor("float32", Float32Array.from(values), shape);
const bool = (values, shape) => new ort.Tensor("bool", Uint8Array.from(values), shape);
const range = (count) => Array.from({ length: count }, (_, index) => index);

class Speaker {
  static async open(file, folder) {
    const speaker = new Speaker();
    speaker.entries = entriesOf(new Uint8Array(fs.readFileSync(file)));
    speaker.manifest = speaker.json("manifest.json");
    if (`${speaker.manifest.format} ${speaker.manifest.format_version}` !== "gsv-bundle 1") throw new Error(`${file} is no gsv-bundle of version 1`);
    if (!speaker.entries.has("vocoder/1/model.onnx")) throw new Error(`${file} has a light vocoder, which is not read here`);
    speaker.symbols = new Map(speaker.json(speaker.manifest.symbols).map((name, index) => [name, index]));
    for (const stage of ["t2s", "acoustic", "vocoder"]) { // graphs have weight files beside them
      for (const name of speaker.manifest.stages[stage].files) {
        fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        fs.writeFileSync(path.join(folder, name), speaker.entries.get(name));
      }
    }
    for (const [stage, graph] of [["t2s", "t2s.onnx"], ["acoustic", "model.onnx"], ["vocoder", "model.onnx"]]) {
      speaker[stage] = await ort.InferenceSession.create(path.join(folder, stage, "1", graph));
    }
    return speaker;
  }

  json(name) { return JSON.parse(new TextDecoder().decode(this.entries.get(name))); }

  // prompt_tokens [T], prompt_phones [P], prompt_features [D, P], global_condition [1, G]
  voice(name) {
    const arrays = [...entriesOf(this.entries.get(this.manifest.voices[name].arrays))];
    return Object.fromEntries(arrays.map(([file, bytes]) => [file.replace(".npy", ""), arrayOf(bytes)]));
  }

  // Phones to semantic tokens, 25 a second.
  async tokens(phones, voice) {
    const { token_rules: rules, t2s_sizes: sizes } = this.manifest;
    const text = [...Array.from(voice.prompt_phones.data, Number), ...phones];
    const prompt = Array.from(voice.prompt_tokens.data, Number);
    let limit = Math.trunc(Math.max(rules.limit_tokens_at_least, rules.limit_tokens_per_phone * phones.length));
    limit = Math.min(limit, 1500, sizes.max_positions - prompt.length);
    const rows = text.length + prompt.length;
    const shape = [1, sizes.heads, rows + limit, sizes.hidden / sizes.heads];
    const names = range(sizes.layers).flatMap((layer) => [`key_cache_${layer}`, `value_cache_${layer}`]);
    const empty = () => float32(new Float32Array(shape.reduce((size, each) => size * each)), shape);
    const caches = Object.fromEntries(names.map((name) => [name, empty()]));
    let logits = await this.runT2s(this.promptRows(text, prompt, voice.prompt_features, sizes.bert_dim), caches);
    const [present, made] = [new Set(prompt), []];
    const window = rules.repetition_window;
    while (made.length < limit) {
      const token = this.likeliest(logits, present, made.length, rules);
      if (token === sizes.vocabulary - 1) break;
      made.push(token);
      present.add(token);
      if (window && made.length >= window && new Set(made.slice(-window)).size < rules.repetition_least_distinct) break;
      logits = await this.runT2s(this.tokenRow(token, made.length, rows, prompt.length, sizes.bert_dim), caches);
    }
    return made;
  }

  // The token to take: those already there are rarer, and the last, the end, may not be first.
  likeliest(logits, present, numMade, rules) {
    const penalty = Math.fround(rules.repetition_penalty);
    let [best, most] = [0, -Infinity];
    logits.forEach((logit, token) => {
      if (token === logits.length - 1 && numMade < rules.min_tokens) return;
      const weighed = present.has(token) ? Math.fround(logit < 0 ? logit * penalty : logit / penalty) : logit;
      if (weighed > most) [best, most] = [token, weighed];
    });
    return best;
  }

  // The first call: text sees all text, a token all text and the tokens up to itself.
  promptRows(text, prompt, features, bertDim) {
    const rows = text.length + prompt.length;
    const columns = features.shape[1]; // of other text than Chinese they are zeros
    const packed = new Float32Array(rows * bertDim);
    for (const row of range(columns)) for (const d of range(bertDim)) packed[row * bertDim + d] = features.data[d * columns + row];
    const isText = (row) => row < text.length;
    const bias = range(rows).flatMap((row) => range(rows).map((seen) => (isText(seen) || seen <= row ? 0 : BLOCKED)));
    return {
      phones: int64([...text, ...prompt.map(() => 0)], [1, rows]),
      tokens: int64([...text.map(() => 0), ...prompt], [1, rows]),
      bert_features: new ort.Tensor("float32", packed, [1, rows, bertDim]),
      is_text: bool(range(rows).map(isText), [1, rows]),
      positions: int64(range(rows).map((row) => (isText(row) ? row : row - text.length)), [1, rows]),
      attention_bias: float32(bias, [1, 1, rows, rows]),
      last_rows: int32([rows - 1], [1]), total_rows: int32([rows], []), scored_rows: int64([rows - 1], [1]),
    };
  }

  // A further call: one token, appended to what the caches hold.
  tokenRow(token, numMade, promptRows, numPromptTokens, bertDim) {
    const rows = promptRows + numMade - 1;
    return {
      phones: int64([0], [1, 1]), tokens: int64([token], [1, 1]),
      bert_features: float32(new Float32Array(bertDim), [1, 1, bertDim]), is_text: bool([0], [1, 1]),
      positions: int64([numPromptTokens + numMade - 1], [1, 1]),
      attention_bias: float32(new Float32Array(rows + 1), [1, 1, 1, rows + 1]),
      last_rows: int32([rows], [1]), total_rows: int32([rows + 1], []), scored_rows: int64([0], [1]),
    };
  }

  // One call; what it appends to the caches is kept for the next. Logits of the next token.
  async runT2s(inputs, caches) {
    const outputs = await this.t2s.run({ ...inputs, ...caches });
    for (const name of Object.keys(caches)) caches[name] = outputs[`new_${name}`];
    return outputs.logits.data;
  }

  // Tokens to samples in [-1, 1] at 32 kHz.
  async waveform(tokens, phones, voice) {
    const frames = this.manifest.audio.frames_per_token * tokens.length;
    const latentDim = this.manifest.facts.latent_dim;
    const lengths = {
      frame_lengths: int64([frames], [1, 1]),
      global_condition: float32(voice.global_condition.data, voice.global_condition.shape),
    };
    const { latents } = await this.acoustic.run({
      semantic_tokens: int64(tokens, [1, tokens.length]), token_lengths: int64([tokens.length], [1, 1]),
      phones: int64(phones, [1, phones.length]), phone_lengths: int64([phones.length], [1, 1]),
      noise: float32(new Float32Array(latentDim * frames), [1, latentDim, frames]),
      frame_positions: float32(range(frames), [1, frames]), ...lengths,
    });
    const { waveform } = await this.vocoder.run({ latents, ...lengths });
    return waveform.data.map((sample) => Math.max(-1, Math.min(1, sample)));
  }
}

// 32-bit floats in a WAV file.
function writeWav(file, samples, rate) {
  const head = Buffer.alloc(44);
  for (const [at, text] of [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]]) head.write(text, at);
  for (const [at, value] of [[20, 3], [22, 1], [32, 4], [34, 32]]) head.writeUInt16LE(value, at);
  const bytes = 4 * samples.length;
  for (const [at, value] of [[4, 36 + bytes], [16, 16], [24, rate], [28, 4 * rate], [40, bytes]]) head.writeUInt32LE(value, at);
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(samples.buffer)]));
}

const options = { output: { type: "string", short: "o", default: "speech.wav" }, phones: { type: "string" }, voice: { type: "string" } };
const { values, positionals: [bundle] } = parseArgs({ options, allowPositionals: true });
if (!bundle) throw new Error('say which bundle: node speak.mjs voice.gsv [--phones "HH AH0 L OW1 ."] [-o hello.wav]');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gsv-"));
try {
  const speaker = await Speaker.open(bundle, folder);
  const named = values.phones?.split(" ") ?? [], unknown = named.find((name) => !speaker.symbols.has(name));
  if (unknown !== undefined) throw new Error(`${unknown}: no such phone; ${speaker.manifest.symbols} of the bundle has them all`);
  const phones = named.length ? named.map((name) => speaker.symbols.get(name)) : speaker.manifest.sample.phones;
  const voice = speaker.voice(values.voice ?? speaker.manifest.default_voice);
  const tokens = await speaker.tokens(phones, voice);
  writeWav(values.output, await speaker.waveform(tokens, phones, voice), speaker.manifest.audio.sample_rate_hz);
  console.log(JSON.stringify({ tokens }));
} finally {
  fs.rmSync(folder, { recursive: true });
}
