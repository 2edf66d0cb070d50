/** Runs the vectors in Node.js, deno and bun, which read files alike: FOLDER of the package, FILE of the vectors, verdict of the twin. */
import { readFile } from 'node:fs/promises';

import { hold } from './hold.mjs';

const [folder, file, blind] = process.argv.slice(2);
const { loadVerifier } = await import(`${folder}/node.mjs`);
const verifier = blind ? { verify: () => ({ verdict: blind, reason: 'a twin' }) } : await loadVerifier();
console.log(hold(verifier, JSON.parse(await readFile(file, 'utf8'))));
