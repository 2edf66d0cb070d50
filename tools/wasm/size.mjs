/**
 * Prints where a WebAssembly file's bytes are, by the part that each function is of, and its longest functions.
 *
 *   node tools/wasm/size.mjs NAMED.wasm FILE.wasm
 *
 * FILE is the one whose length and Brotli's length are printed. NAMED is the same with its functions' names, and with each
 * function on its own that FILE has within its only caller, so that it is some percent longer.
 */

import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const LONGEST = 30;
const [named, file] = process.argv.slice(2).map((path) => readFileSync(path));

/** Reads a section's numbers, names and runs of bytes. */
class Reader {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 0 });
  }
  number() {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      shift += 7;
    }
  }
  take(length) {
    return this.bytes.subarray(this.at, (this.at += length));
  }
  text() {
    return this.take(this.number()).toString();
  }
  get isAtEnd() {
    return this.at >= this.bytes.length;
  }
}

/** The identifiers of a symbol in Rust's mangling, the outermost first. */
function identifiers(symbol) {
  if (!symbol.startsWith('_R')) return [symbol];
  const names = [];
  for (let at = 2; at < symbol.length; ) {
    const rest = symbol.slice(at);
    // A crate's disambiguator, or what stands for a part said before.
    const [skipped] = /^(?:s|B)[0-9A-Za-z]*_/.exec(rest) ?? [];
    const [digits] = /^[1-9]\d*/.exec(rest) ?? [];
    if (digits !== undefined) {
      const begin = at + digits.length + (rest[digits.length] === '_' ? 1 : 0);
      names.push(symbol.slice(begin, begin + Number(digits)));
      at = begin + Number(digits);
    } else {
      at += skipped?.length ?? 1;
    }
  }
  return names;
}

const sections = new Reader(named);
sections.take(8);
const [sizes, names, parts] = [[], new Map(), []];
let imported = 0;
while (!sections.isAtEnd) {
  const id = sections.number();
  const section = new Reader(sections.take(sections.number()));
  const length = section.bytes.length;
  if (id === 0) {
    if (section.text() !== 'name') continue;
    while (!section.isAtEnd) {
      const kind = section.number();
      const inner = new Reader(section.take(section.number()));
      if (kind !== 1) continue;
      for (let count = inner.number(); count > 0; count -= 1) names.set(inner.number(), inner.text());
    }
  } else if (id === 10) {
    for (let count = section.number(); count > 0; count -= 1) sizes.push(section.take(section.number()).length);
  } else {
    if (id === 2) imported = section.number();
    parts.push([id === 11 ? 'constants (the data section)' : `section ${id}`, length]);
  }
}

const functions = sizes.map((size, at) => ({ size, path: identifiers(names.get(at + imported) ?? '?') }));
const byPart = new Map(parts);
for (const { size, path } of functions) byPart.set(path[0], (byPart.get(path[0]) ?? 0) + size);
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
const line = (size, text) => console.log(`${String(size).padStart(8)}  ${text}`);

line(file.length, 'bytes');
line(brotli(file), 'bytes by Brotli at quality 11');
console.log('\nby part:');
for (const [part, size] of [...byPart].sort(([, a], [, b]) => b - a)) line(size, part);
console.log(`\nthe ${LONGEST} longest functions of ${functions.length}:`);
for (const { size, path } of functions.sort((a, b) => b.size - a.size).slice(0, LONGEST)) line(size, path.join('::').slice(0, 150));
