// A reference clip: what is wrong with it, before it is sent.
export const SHORTEST_S = 3;
export const LONGEST_S = 10;
const FULL_SCALE = 0.995;
const CLIPPED_SAMPLES = 20;
const QUIET_DB = -30;
const NOISY_DB = 20;
const FRAME_S = 0.03;

const db = (value) => 20 * Math.log10(Math.max(value, 1e-6));

// Loudness of speech against that of the pauses: the 90th against the 10th percentile of the frames.
export function noiseDistance(samples, sampleRate) {
  const size = Math.max(1, Math.round(FRAME_S * sampleRate));
  const levels = [];
  for (let at = 0; at + size <= samples.length; at += size) {
    let sum = 0;
    for (let i = at; i < at + size; i += 1) sum += samples[i] * samples[i];
    levels.push(Math.sqrt(sum / size));
  }
  levels.sort((a, b) => a - b);
  const at = (share) => levels[Math.min(levels.length - 1, Math.floor(share * levels.length))] ?? 0;
  return db(at(0.9)) - db(at(0.1));
}

// Faults as [name of the words, their values]; none is a clip that will do.
export function faultsOf(samples, sampleRate) {
  const seconds = samples.length / sampleRate;
  let peak = 0, full = 0;
  for (const sample of samples) {
    const level = Math.abs(sample);
    if (level > peak) peak = level;
    if (level >= FULL_SCALE) full += 1;
  }
  const faults = [];
  if (seconds < SHORTEST_S) faults.push(["tooShort", { s: seconds.toFixed(1) }]);
  if (seconds > LONGEST_S) faults.push(["tooLong", { s: seconds.toFixed(1) }]);
  if (full >= CLIPPED_SAMPLES) faults.push(["clipped", { n: full }]);
  if (db(peak) < QUIET_DB) faults.push(["quiet", { db: db(peak).toFixed(0) }]);
  const distance = noiseDistance(samples, sampleRate);
  if (distance < NOISY_DB && db(peak) >= QUIET_DB) faults.push(["noisy", { db: distance.toFixed(0) }]);
  return faults;
}

export async function decode(blob) {
  const context = new OfflineAudioContext(1, 1, 48000);
  const buffer = await context.decodeAudioData(await blob.arrayBuffer());
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i] / buffer.numberOfChannels;
  }
  return { samples: mono, sampleRate: buffer.sampleRate };
}
