/** The bytes of an entry, for people. */

import { shown } from './text';

const MOST = 20_000;
const decoder = new TextDecoder('utf-8', { fatal: true });

export interface Content {
  bytes: Uint8Array;
  /** The text; none where the bytes are no UTF-8. */
  text: string | null;
  /** Its JSON with line breaks; none where it is none. */
  json: string | null;
  hex: string;
}

export function readContent(base64: string): Content {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  let text: string | null = null;
  let json: string | null = null;
  try {
    text = decoder.decode(bytes);
    // Numbers keep their digits: only space between the tokens is made.
    JSON.parse(text);
    json = spaced(text);
  } catch {
    // Neither is needed.
  }
  return { bytes, text: text === null ? null : shown(text, MOST, true), json: json === null ? null : shown(json, MOST, true), hex: dump(bytes.subarray(0, 4_096)) };
}

/** JSON with line breaks and spaces between its tokens, which stay as they are. */
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

function dump(bytes: Uint8Array): string {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const plain = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${plain}`);
  }
  return lines.join('\n');
}

/** The beginning of a content on one line. */
export function preview(base64: string): string {
  const { text, bytes } = readContent(base64);
  return text === null ? `${bytes.length} bytes: ${[...bytes.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}…` : shown(text.replace(/\s+/g, ' '), 160);
}
