/** What a build reads from a model's weights. */

/** The part of a safetensors file's header that says what is in it. */
type Header = Record<string, { shape?: number[] }>;

/** How many parameters a safetensors file holds; the scales of those kept as integers are none. */
export function parametersIn(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Header;
  return Object.entries(header).reduce((sum, [name, { shape }]) => {
    const isScale = name.endsWith(".scale") && name.slice(0, -".scale".length) in header;
    if (name === "__metadata__" || shape === undefined || isScale) return sum;
    return sum + shape.reduce((product, size) => product * size, 1);
  }, 0);
}
