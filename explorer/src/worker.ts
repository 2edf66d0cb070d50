/** Verifies in a thread of its own, so that the page stays quick while thousands of entries are hashed. */

import { createVerifier } from '@counterfoil/verifier';

export interface Question {
  id: number;
  document: string;
  pin: object;
}

const verifier = createVerifier(fetch('./verifier.wasm').then((answer) => answer.arrayBuffer()));

addEventListener('message', async ({ data }: MessageEvent<Question>) => {
  try {
    postMessage({ id: data.id, verdict: (await verifier).verify(data.document, data.pin) });
  } catch (error) {
    postMessage({ id: data.id, problem: error instanceof Error ? error.message : String(error) });
  }
});
