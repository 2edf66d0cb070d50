/** Answers a line for each line: {"pin", "document"} in, the document in base64; the WebAssembly file's verdict out. */

import { createInterface } from 'node:readline';

import { loadVerifier } from '../node.mjs';

const verifier = await loadVerifier();
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { pin, document } = JSON.parse(line);
  let answer;
  try {
    answer = verifier.verify(Buffer.from(document, 'base64'), pin);
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
