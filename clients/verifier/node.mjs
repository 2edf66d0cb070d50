/** The verifier for Node.js, from the file next to this one. */

import { readFile } from 'node:fs/promises';

import { createVerifier } from './index.mjs';

export * from './index.mjs';

/** Reads the module from the disk. */
export function loadVerifier() {
  return createVerifier(readFile(new URL('./counterfoil_verifier.wasm', import.meta.url)));
}
