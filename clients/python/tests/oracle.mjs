/** The WebAssembly verifier, asked line by line: `{"document": BASE64, "pin": …}` in, its verdict or `{"error"}` out. */

import { createInterface } from 'node:readline';

import { loadVerifier } from '../../verifier/node.mjs';

const verifier = await loadVerifier();
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { document, pin } = JSON.parse(line);
  let answer;
  try {
    answer = verifier.verify(Buffer.from(document, 'base64'), pin);
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
