/** The bytes of an entry, for people. */

import { fromBase64 } from './bytes';
import { shown } from './text';

const MOST = 20_000;
const pairs = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
const decoder = new TextDecoder('utf-8', { fatal: true });

export interface Content {
  bytes: Uint8Array;
  /** The text; none where the bytes are no UTF-8. */
  text: string | null;
  /** Its JSON with line breaks; none where it is none. */
  json: string | null;
  hex: string;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

export function readContent(base64: string): Content {
  const bytes = fromBase64(base64);
  const text = decoded(bytes);
  return {
    bytes,
    text: text === null ? null : shown(text, MOST, true),
    json: text === null || !isJson(text) ? null : shown(spaced(text), MOST, true),
    hex: dump(bytes.subarray(0, 4_096)),
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON with line breaks and spaces between its tokens, which stay as they are: numbers keep their digits. */
function spaced(json: string): string {
  let out = '';
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') {
      depth += 1;
      out += token + line();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      out = /[{[]\n *$/.test(out) ? out.trimEnd() + token : out + line() + token;
    } else if (token === ',') out += `,${line()}`;
    else if (token === ':') out += ': ';
    else out += token;
  }
  return out;
}

/** Rows of 16 bytes: where they stand, in hexadecimal, and as ASCII. */
export function dump(bytes: Uint8Array): string {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const plain = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${pairs(row).padEnd(47)}  ${plain}`);
  }
  return lines.join('\n');
}

/** The beginning of a content on one line. */
export function preview(base64: string): string {
  const bytes = fromBase64(base64);
  const text = decoded(bytes);
  return text === null ? `${bytes.length} bytes: ${pairs(bytes.subarray(0, 24))}…` : shown(text.replace(/\s+/g, ' '), 160);
}
