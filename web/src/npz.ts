/** Arrays of a file that NumPy's `savez` wrote: a ZIP archive of entries that are stored, not compressed. */

/** One array, its numbers row by row. */
export interface NumpyArray {
  shape: number[];
  values: Float32Array;
}

const END = 0x06054b50, ENTRY = 0x02014b50;

/** Read every array of floating-point numbers, by name; others are left out. */
export function readNpz(file: Uint8Array): Record<string, NumpyArray> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let end = file.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("the file is no NumPy archive");
  const found: Record<string, NumpyArray> = {};
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== ENTRY || view.getUint16(at + 10, true) !== 0) throw new Error("the archive cannot be read");
    const size = view.getUint32(at + 24, true), nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(file.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const array = readNpy(file.subarray(start, start + size));
    if (array) found[name.replace(/\.npy$/, "")] = array;
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}

function readNpy(data: Uint8Array): NumpyArray | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const wide = data[6]! >= 2;
  const headLength = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + headLength;
  const head = new TextDecoder().decode(data.subarray(wide ? 12 : 10, start));
  const kind = /'descr': '([^']+)'/.exec(head)?.[1];
  if (/'fortran_order': True/.test(head) || (kind !== "<f4" && kind !== "<f2")) return null;
  const shape = (/'shape': \(([^)]*)\)/.exec(head)?.[1] ?? "").split(",").filter((part) => part.trim()).map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    values[i] = kind === "<f4" ? view.getFloat32(start + 4 * i, true) : half(view.getUint16(start + 2 * i, true));
  }
  return { shape, values };
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
