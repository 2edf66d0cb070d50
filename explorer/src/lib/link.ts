/** A receipt in a link: all of it stands behind `#`, which no server sees. */

import { fromBase64 } from './bytes';

/** The most characters of a link's receipt: longer links are cut by programs that pass them on. */
export const MOST_LINK = 16_000;
const MOST_TEXT = 1 << 20;

const toBase64Url = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    // A short text may unfold into one that fills the memory.
    if ((length += part.value.length) > most) {
      reader.cancel().catch(() => undefined);
      throw new Error('the receipt in the link is too long');
    }
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** The receipt as a part of an address: `d` and its bytes deflated, or `p` and its plain bytes where the browser does not deflate. */
export async function packReceipt(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(JSON.parse(text)));
  return globalThis.CompressionStream ? `d${toBase64Url(await through(bytes, new CompressionStream('deflate-raw'), MOST_TEXT))}` : `p${toBase64Url(bytes)}`;
}

/** The receipt of such a part. Throws words where there is none. */
export async function unpackReceipt(packed: string): Promise<string> {
  if (packed.length > MOST_LINK) throw new Error(`The link has more than ${MOST_LINK} characters: ask for the receipt as a file.`);
  if (!/^[dp][A-Za-z0-9_-]+$/.test(packed)) throw new Error('The link holds no receipt, or it was cut off on its way.');
  if (packed[0] === 'd' && !globalThis.DecompressionStream) throw new Error('This browser does not unfold what is in the link: ask for the receipt as a file.');
  try {
    const bytes = fromBase64(packed.slice(1).replace(/-/g, '+').replace(/_/g, '/'));
    const plain = packed[0] === 'd' ? await through(bytes, new DecompressionStream('deflate-raw'), MOST_TEXT) : bytes;
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch {
    throw new Error('The link holds no receipt, or it was cut off on its way.');
  }
}
