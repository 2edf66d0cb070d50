/** A text of ASCII as a QR code: byte mode, error correction L, the smallest version that holds it. Source: ISO/IEC 18004:2015. */

/** Of each version, from 1: the error correction bytes of a block, and the number of blocks (table 9, level L). */
const CORRECTION = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30];
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25];
const PENALTIES = [3, 3, 40, 10] as const;

/** Multiplies in the field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1. */
function times(one: number, other: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) product = (product << 1) ^ ((product >>> 7) * 0x11d) ^ (((other >>> bit) & 1) * one);
  return product;
}

function generator(degree: number): number[] {
  const found = [...Array<number>(degree - 1).fill(0), 1];
  for (let [power, root] = [0, 1]; power < degree; power += 1, root = times(root, 2)) {
    for (let at = 0; at < degree; at += 1) found[at] = times(found[at]!, root) ^ (found[at + 1] ?? 0);
  }
  return found;
}

function correct(data: number[], divisor: number[]): number[] {
  const rest = divisor.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    divisor.forEach((term, at) => (rest[at] = rest[at]! ^ times(term, factor)));
  }
  return rest;
}

/** The rows and columns in which alignment patterns have their centres. */
function centres(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => version * 4 + 10 - (count - 2 - at) * step)];
}

/** The modules of a version that hold data. */
function modules(version: number): number {
  const aligned = centres(version).length;
  const patterns = aligned ? (25 * aligned - 10) * aligned - 55 : 0;
  return (16 * version + 128) * version + 64 - patterns - (version >= 7 ? 36 : 0);
}

const capacity = (version: number) => Math.floor(modules(version) / 8) - CORRECTION[version - 1]! * BLOCKS[version - 1]!;
const countBits = (version: number) => (version < 10 ? 8 : 16);

/** The data with its error correction, in the order in which it is drawn. */
function codewords(bytes: Uint8Array, version: number): number[] {
  const bits: number[] = [];
  const push = (value: number, length: number) => {
    for (let at = length - 1; at >= 0; at -= 1) bits.push((value >>> at) & 1);
  };
  push(0b0100, 4);
  push(bytes.length, countBits(version));
  bytes.forEach((byte) => push(byte, 8));
  const room = capacity(version) * 8;
  push(0, Math.min(4, room - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) push(pad, 8);
  const data = Array.from({ length: bits.length / 8 }, (_, at) => bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0));
  const [blocks, own] = [BLOCKS[version - 1]!, CORRECTION[version - 1]!];
  const all = Math.floor(modules(version) / 8);
  const [shorter, length] = [blocks - (all % blocks), Math.floor(all / blocks) - own];
  const divisor = generator(own);
  let at = 0;
  const parts = Array.from({ length: blocks }, (_, block) => data.slice(at, (at += length + (block < shorter ? 0 : 1))));
  const checks = parts.map((part) => correct(part, divisor));
  const woven = (lists: number[][], longest: number) => Array.from({ length: longest }, (_, row) => lists.flatMap((list) => (row < list.length ? [list[row]!] : []))).flat();
  return [...woven(parts, length + 1), ...woven(checks, own)];
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** A value with the rest of its division behind it, as format and version information have it. */
function coded(value: number, bits: number, polynomial: number): number {
  let rest = value;
  for (let at = 0; at < bits; at += 1) rest = (rest << 1) ^ ((rest >>> (bits - 1)) * polynomial);
  return (value << bits) | rest;
}

type Grid = (boolean | null)[][];

/** All that does not depend on the data; null where data goes. */
function frame(version: number): Grid {
  const size = version * 4 + 17;
  const grid: Grid = Array.from({ length: size }, () => Array<boolean | null>(size).fill(null));
  const set = (x: number, y: number, dark: boolean) => {
    if (grid[y]?.[x] !== undefined) grid[y]![x] = dark;
  };
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  const square = (x: number, y: number, reach: number, isDark: (distance: number) => boolean) => {
    for (let dy = -reach; dy <= reach; dy += 1) for (let dx = -reach; dx <= reach; dx += 1) set(x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) square(x, y, 4, (distance) => distance !== 2 && distance !== 4);
  const places = centres(version);
  const last = places.length - 1;
  places.forEach((x, i) => places.forEach((y, j) => {
    const isFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
    if (!isFinder) square(x, y, 2, (distance) => distance !== 1);
  }));
  if (version >= 7) {
    const information = coded(version, 12, 0x1f25);
    for (let at = 0; at < 18; at += 1) {
      const [far, near, dark] = [size - 11 + (at % 3), Math.floor(at / 3), ((information >>> at) & 1) === 1];
      set(far, near, dark);
      set(near, far, dark);
    }
  }
  return grid;
}

function drawFormat(grid: Grid, mask: number): void {
  const size = grid.length;
  // Level L is 1.
  const bits = coded((1 << 3) | mask, 10, 0x537) ^ 0x5412;
  const set = (x: number, y: number, at: number) => (grid[y]![x] = ((bits >>> at) & 1) === 1);
  for (let at = 0; at < 6; at += 1) set(8, at, at);
  set(8, 7, 6);
  set(8, 8, 7);
  set(7, 8, 8);
  for (let at = 9; at < 15; at += 1) set(14 - at, 8, at);
  for (let at = 0; at < 8; at += 1) set(size - 1 - at, 8, at);
  for (let at = 8; at < 15; at += 1) set(8, size - 15 + at, at);
  grid[size - 8]![8] = true;
}

/** How hard a code is to read. Source: section 7.8.3.1. */
function penalty(grid: boolean[][]): number {
  const size = grid.length;
  let sum = 0;
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]!))];
  for (const line of lines) {
    const text = line.map(Number).join('');
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) sum += PENALTIES[0] + run.length - 5;
    sum += PENALTIES[2] * [...text.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  for (let y = 1; y < size; y += 1) {
    for (let x = 1; x < size; x += 1) {
      const dark = grid[y]![x];
      if (dark === grid[y - 1]![x] && dark === grid[y]![x - 1] && dark === grid[y - 1]![x - 1]) sum += PENALTIES[1];
    }
  }
  const share = grid.flat().filter(Boolean).length / (size * size);
  return sum + PENALTIES[3] * Math.floor(Math.abs(share * 20 - 10));
}

/** The modules, dark ones true, row by row, without the quiet zone; null where the text is too long for any version. */
export function encodeQr(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const version = CORRECTION.findIndex((_, at) => 4 + countBits(at + 1) + bytes.length * 8 <= capacity(at + 1) * 8) + 1;
  if (version === 0) return null;
  const base = frame(version);
  // Keeps the place of the format free.
  drawFormat(base, 0);
  const size = base.length;
  const data = codewords(bytes, version);
  const places: [number, number][] = [];
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (base[y]![x] === null) places.push([x, y]);
    }
  }
  let best: { grid: boolean[][]; cost: number } | null = null;
  MASKS.forEach((isFlipped, mask) => {
    const grid = base.map((row) => [...row]);
    drawFormat(grid, mask);
    places.forEach(([x, y], at) => (grid[y]![x] = ((((data[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1) === 1) !== isFlipped(x, y)));
    const cost = penalty(grid as boolean[][]);
    if (!best || cost < best.cost) best = { grid: grid as boolean[][], cost };
  });
  return best!.grid;
}

/** The dark modules as one path, four modules in from each side. */
export const pathOf = (grid: boolean[][]): string =>
  grid.map((row, y) => row.map((dark, x) => (dark && !row[x - 1] ? `M${x + 4} ${y + 4}h${(row.indexOf(false, x) < 0 ? row.length : row.indexOf(false, x)) - x}v1H${x + 4}z` : '')).join('')).join('');
