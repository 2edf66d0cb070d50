import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { createServer } from 'vite';

const require = createRequire(import.meta.url);
const decoder = readFileSync(require.resolve('jsqr'), 'utf8');
// Its table has 74 for an alignment pattern of version 23, where ISO/IEC 18004 (table E.1) has 78.
const WRONG = '[6, 30, 54, 74, 102]';
assert.ok(decoder.includes(WRONG));
const loaded = { exports: {} };
new Function('module', 'exports', decoder.replace(WRONG, '[6, 30, 54, 78, 102]'))(loaded, loaded.exports);
const jsQR = loaded.exports.default ?? loaded.exports;
let vite, qr, link;

before(async () => {
  const root = new URL('..', import.meta.url).pathname;
  vite = await createServer({ root, logLevel: 'error', server: { middlewareMode: true, hmr: false, ws: false }, appType: 'custom', optimizeDeps: { noDiscovery: true } });
  [qr, link] = await Promise.all(['qr', 'link'].map((name) => vite.ssrLoadModule(`/src/lib/${name}.ts`)));
});
after(() => vite?.close());

/** What an independent decoder reads in a code that is drawn with these many pixels a module. */
function read(grid, pixels = 3) {
  const side = (grid.length + 8) * pixels;
  const image = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      if (grid[Math.floor(y / pixels) - 4]?.[Math.floor(x / pixels) - 4]) image.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  return jsQR(image, side, side);
}
const text = (length) => Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * 7919 + length) % 94))).join('');
/** The most bytes of each version at level L, by table 7 of ISO/IEC 18004. */
const MOST = [17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858, 929, 1003, 1091, 1171, 1273, 1367, 1465, 1528, 1628, 1732, 1840, 1952, 2068, 2188, 2303, 2431, 2563, 2699, 2809, 2953];

test('each version holds as much as the standard says, and another decoder reads it', () => {
  MOST.forEach((most, at) => {
    const grid = qr.encodeQr(text(most));
    assert.equal(grid.length, (at + 1) * 4 + 17, `${most} bytes`);
    assert.equal((qr.encodeQr(text(most + 1)) ?? []).length, at === 39 ? 0 : (at + 2) * 4 + 17, `${most + 1} bytes`);
    const found = read(grid);
    assert.deepEqual([found?.data, found?.version], [text(most), at + 1], `version ${at + 1}`);
  });
});

test('twin: a decoder does not read a code whose data is altered beyond its error correction', () => {
  const grid = qr.encodeQr(text(500));
  for (let y = 20; y < 50; y += 1) for (let x = 20; x < 50; x += 1) grid[y][x] = !grid[y][x];
  assert.notEqual(read(grid)?.data, text(500));
});

test('the path that is drawn has the dark modules and no others', () => {
  const grid = qr.encodeQr('https://example.com/#/receipt/d');
  const drawn = grid.map((row) => row.map(() => false));
  for (const [, x, y, length] of qr.pathOf(grid).matchAll(/M(\d+) (\d+)h(\d+)v1H\d+z/g)) drawn[y - 4].fill(true, x - 4, x - 4 + Number(length));
  assert.deepEqual(drawn, grid);
});

test('a receipt goes into a link and comes back; what is no such link is refused', async () => {
  const receipt = JSON.stringify({ format: 'counterfoil receipt v2', proof: Array.from({ length: 40 }, (_, at) => at.toString(16).padStart(64, '0')) });
  const packed = await link.packReceipt(receipt);
  assert.match(packed, /^d[A-Za-z0-9_-]+$/);
  assert.equal(await link.unpackReceipt(packed), receipt);
  assert.equal(await link.unpackReceipt(`p${Buffer.from(receipt).toString('base64url')}`), receipt);
  const bomb = `d${Buffer.from(await new Response(new Blob([new Uint8Array(8 << 20)]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer()).toString('base64url')}`;
  assert.ok(bomb.length < link.MOST_LINK);
  for (const wrong of ['', 'd', 'x', 'd!', packed.slice(0, -9), `q${packed.slice(1)}`, bomb]) await assert.rejects(link.unpackReceipt(wrong), /holds no receipt/, wrong.slice(0, 20));
  await assert.rejects(link.unpackReceipt(`p${'A'.repeat(link.MOST_LINK)}`), /more than 16000/);
});
