/** The waveform of a light vocoder's spectrum, as `gsv_runtime/graphs/inverse_fft.py` makes it. */
export const FRAME_SAMPLES = 640;
const FFT = 4 * FRAME_SAMPLES, BINS = FFT / 2 + 1, OVERLAP = 4;
const EDGE = (FFT - FRAME_SAMPLES) / 2;
const WINDOW = Float32Array.from({ length: FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));
const COS = Float64Array.from({ length: FFT }, (_, i) => Math.cos((2 * Math.PI * i) / FFT));
const SIN = Float64Array.from({ length: FFT }, (_, i) => Math.sin((2 * Math.PI * i) / FFT));
/** `magnitude` and `phase` are [frames, 1281]; returns [640 frames]. */
export function waveformOf(magnitude, phase, frames) {
    const sum = new Float64Array((frames + OVERLAP - 1) * FRAME_SAMPLES), weight = new Float64Array(sum.length);
    const real = new Float64Array(FFT), imaginary = new Float64Array(FFT);
    for (let frame = 0; frame < frames; frame += 1) {
        for (let bin = 0; bin < BINS; bin += 1) {
            const size = magnitude[frame * BINS + bin], angle = phase[frame * BINS + bin];
            real[bin] = size * Math.cos(angle);
            imaginary[bin] = bin === 0 || bin === BINS - 1 ? 0 : size * Math.sin(angle);
            if (bin > 0 && bin < BINS - 1) {
                real[FFT - bin] = real[bin];
                imaginary[FFT - bin] = -imaginary[bin];
            }
        }
        const [samples] = inverse(real, imaginary, FFT, 0, 1);
        for (let i = 0; i < FFT; i += 1) {
            const at = frame * FRAME_SAMPLES + i;
            sum[at] += (samples[i] / FFT) * WINDOW[i];
            weight[at] += WINDOW[i] ** 2;
        }
    }
    return Float32Array.from({ length: frames * FRAME_SAMPLES }, (_, i) => sum[EDGE + i] / weight[EDGE + i]);
}
/** The inverse Fourier transform, unscaled, of every `step`th number from `from` on; 2560 is 2⁹ · 5. */
function inverse(re, im, size, from, step) {
    if (size === 1)
        return [Float64Array.of(re[from]), Float64Array.of(im[from])];
    const radix = size % 2 === 0 ? 2 : 5, part = size / radix, turn = FFT / size;
    const parts = Array.from({ length: radix }, (_, k) => inverse(re, im, part, from + k * step, radix * step));
    const outRe = new Float64Array(size), outIm = new Float64Array(size);
    for (let i = 0; i < size; i += 1) {
        let sumRe = 0, sumIm = 0;
        for (let k = 0; k < radix; k += 1) {
            const [partRe, partIm] = parts[k], angle = (k * i * turn) % FFT;
            sumRe += partRe[i % part] * COS[angle] - partIm[i % part] * SIN[angle];
            sumIm += partRe[i % part] * SIN[angle] + partIm[i % part] * COS[angle];
        }
        outRe[i] = sumRe;
        outIm[i] = sumIm;
    }
    return [outRe, outIm];
}
