/**
 * Builds verify.html from page/, index.mjs and the module, and writes its SHA-256 into the README. With --check: fails when the
 * committed ones are not what they give.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const read = (name, encoding = 'utf8') => readFileSync(new URL(name, import.meta.url), encoding);
const sha256 = (data, encoding) => createHash('sha256').update(data).digest(encoding);

/** The page around a packed module. */
function render(packed, sha) {
  const style = read('page/page.css').trim();
  const library = read('index.mjs').replaceAll(/^export /gm, '');
  const script = `(() => {\n'use strict';\n${library}\n${read('page/page.mjs')}})();`;
  if (/<\/script|<!--/i.test(script)) throw new Error('the script would end early');
  const csp = [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script, 'base64')}' 'wasm-unsafe-eval'`,
    `style-src 'sha256-${sha256(style, 'base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const parts = { csp, style, script, module: packed, sha256: sha };
  return read('page/page.html').replaceAll(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

const module = read('counterfoil_verifier.wasm', null);
const target = new URL('verify.html', import.meta.url);
/** The README with the hash of a page. */
const readme = (page) => read('README.md').replace(/SHA-256 is\s+`[0-9a-f]{64}`/, `SHA-256 is\n\`${sha256(page, 'hex')}\``);
if (process.argv.includes('--check')) {
  const committed = read('verify.html');
  const packed = /id="module">([^<]*)</.exec(committed)?.[1] ?? '';
  // Packed bytes differ between releases of zlib, what they hold does not.
  const holds = Buffer.compare(inflateRawSync(Buffer.from(packed, 'base64')), module) === 0;
  if (!holds || committed !== render(packed, sha256(module, 'hex'))) {
    console.error('verify.html is not what its sources give: run node clients/verifier/build-page.mjs and commit it');
    process.exit(1);
  }
  if (readme(committed) !== read('README.md')) {
    console.error('README.md has the SHA-256 of another verify.html: run node clients/verifier/build-page.mjs and commit it');
    process.exit(1);
  }
  console.log('verify.html is what its sources give.');
} else {
  writeFileSync(target, render(deflateRawSync(module, { level: 9 }).toString('base64'), sha256(module, 'hex')));
  const page = readFileSync(target);
  writeFileSync(new URL('README.md', import.meta.url), readme(page));
  console.log(`${page.length} bytes`);
}
