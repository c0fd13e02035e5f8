// A frame: the length of its JSON, the JSON, and arrays, which are read where they lie.

const TYPES = { f: Float32Array, d: Float64Array, i: Int32Array };

export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, { type, offset, shape }] of Object.entries(header.arrays)) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = new TYPES[type](buffer, 4 + length + offset, size);
    arrays[name].shape = shape;
  }
  return { ...header, arrays };
}
