/** Compresses the page's files once, for the API to send. With --check: fails when the committed ones are not what the sources give. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const here = new URL('.', import.meta.url);
const BUILT = ['index.html', 'app.js', 'app.css', 'worker.js'];
const BESIDES = { 'verifier.wasm': '../clients/verifier/counterfoil_verifier.wasm', 'verify.html': '../clients/verifier/verify.html' };

/** The plain bytes of each file that is sent, built ones from a folder. */
const plain = (folder) => [
  ...BUILT.map((name) => [name, readFileSync(join(folder, name))]),
  ...Object.entries(BESIDES).map(([name, path]) => [name, readFileSync(new URL(path, here))]),
];

if (process.argv.includes('--check')) {
  const folder = mkdtempSync(join(tmpdir(), 'explorer-'));
  try {
    execFileSync('npx', ['vite', 'build', '--logLevel', 'error', '--outDir', folder], { cwd: here, stdio: 'inherit' });
    const stale = plain(folder).filter(([name, bytes]) => {
      const committed = BUILT.includes(name) ? readFileSync(new URL(`dist/${name}`, here)) : bytes;
      // Compressed bytes differ between releases of the library, what they hold does not.
      return !committed.equals(bytes) || !brotliDecompressSync(readFileSync(new URL(`dist/${name}.br`, here))).equals(bytes);
    });
    if (stale.length) {
      console.error(`${stale.map(([name]) => name)} of explorer/dist are not what the sources give: make explorer, and commit it`);
      process.exit(1);
    }
    console.log('explorer/dist is what its sources give.');
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  let all = 0;
  for (const [name, bytes] of plain(new URL('dist', here).pathname)) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    const packed = brotliCompressSync(bytes, { params });
    writeFileSync(new URL(`dist/${name}.br`, here), packed);
    if (name !== 'verify.html') all += packed.length;
    console.log(`${name}: ${bytes.length} bytes, ${packed.length} compressed`);
  }
  console.log(`the first view with its verifier: ${all} bytes`);
}
