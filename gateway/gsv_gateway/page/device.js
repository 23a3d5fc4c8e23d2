// The sound made in this browser: onnxruntime-web and the gateway's vocoder, fetched when the person first asks for it.
import { Device } from "./client/index.js";
import * as api from "./api.js";

const RUNTIME = "./ort/ort.wasm.bundle.min.mjs"; // where the operator has put it

let opening = null;

// Whether this gateway has all that is needed.
export async function isOffered() {
  const told = await api.device().catch(() => ({}));
  return Boolean(told.bundle && told.web_runtime);
}

export function open(progress) {
  opening ??= opened(progress).catch((error) => {
    opening = null; // the next try begins anew
    throw error;
  });
  return opening;
}

async function opened(progress) {
  const runtime = await import(RUNTIME);
  runtime.env.wasm.numThreads = 1; // more would need headers that keep other pages' frames out
  runtime.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
  return Device.open({ url: ".", key: api.currentKey(), progress }, runtime);
}
