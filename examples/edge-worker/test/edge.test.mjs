import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { loadVerifier } from '../../../clients/verifier/node.mjs';
import { certify } from '../proofs.mjs';
import { index, startApi, startNginx, startProxy, startWorker, stopAll } from './parts.mjs';

/** So many that a proof takes three levels of tiles. */
const RECORDS = 140_000;
const folder = mkdtempSync(join(tmpdir(), 'counterfoil-edge-'));
let verifier, api, proxy, ledger, names;

before(async () => {
  verifier = await loadVerifier();
  await index(folder, RECORDS);
  api = await startApi();
  proxy = await startProxy(api);
  [ledger] = (await (await fetch(`${api}/v1/ledgers`)).json()).ledgers;
  const { genesis_hash, program } = await (await fetch(`${api}/v1/status`)).json();
  names = { genesis_hash, program, ledger: ledger.ledger };
});
after(async () => {
  proxy?.close();
  await stopAll();
  rmSync(folder, { recursive: true });
});

const settings = (more = {}) => ({ LEDGER: names.ledger, GENESIS_HASH: names.genesis_hash, PROGRAM: names.program, ...more });
const pin = () => ({ ...names, heads: [{ log: 'entries', ...ledger.checked.head }] });

/** Runs with a new worker: what it answers to a path, and what it asked the API for. */
async function withWorker(run, more) {
  const worker = await startWorker(proxy.address, settings(more));
  const ask = async (path, options) => {
    proxy.seen.length = 0;
    const response = await fetch(worker.url + path, options);
    return { status: response.status, body: await response.json(), asked: [...proxy.seen] };
  };
  try {
    await run(ask);
  } finally {
    proxy.alter = null;
    await worker.stop();
  }
}

test('a proof takes at most four requests when nothing is kept, and the head alone after that', async () => {
  await withWorker(async (ask) => {
    for (const at of [100_000, 0, 255, RECORDS - 1]) {
      const { status, body, asked } = await ask(`/entries/${at}`);
      assert.equal(status, 200, JSON.stringify(body));
      assert.ok(asked.length <= 4 && asked.filter((path) => path.startsWith('/v1/')).length === 1, asked.join());
      const { verdict: said, ...page } = body;
      assert.equal(said.verdict, 'cannot_tell', 'the edge pinned no head');
      assert.equal(verifier.verify(JSON.stringify(page), pin()).verdict, 'verified');
      const [{ payload }] = (await (await fetch(`${api}/v1/ledgers/${names.ledger}/entries?first=${at}&limit=1`)).json()).entries;
      assert.deepEqual(page.entries, [{ index: String(at), payload }]);
      // Twin: another entry under the same certificate.
      const twin = { ...page, entries: [{ ...page.entries[0], payload: Buffer.from('another').toString('base64') }] };
      assert.equal(verifier.verify(JSON.stringify(twin), pin()).verdict, 'refused');
      assert.deepEqual((await ask(`/entries/${at}`)).asked, [`/v1/ledgers/${names.ledger}`]);
    }
    const cold = (await ask('/entries/70000')).asked;
    assert.ok(cold.length === 2, `another bundle alone: ${cold}`);
  });
});

test('an edge that pins a head says verified, and refuses another log under it', async () => {
  const { size, root } = ledger.checked.head;
  await withWorker(async (ask) => {
    const { body: { verdict, ...page } } = await ask('/entries/5');
    assert.equal(verdict.verdict, 'verified');
    const post = (document) => ask('/verify', { method: 'POST', body: JSON.stringify(document) });
    assert.deepEqual([(await post(page)).body.verdict, (await post({ ...page, entries: [] })).body.verdict], ['verified', 'refused']);
    assert.equal((await ask('/entries/999999999')).status, 404);
    assert.equal((await ask('/entries/05')).status, 404);
  }, { HEAD: `${size}:${root}` });
  await withWorker(async (ask) => {
    assert.equal((await ask('/entries/5')).status, 502);
  }, { HEAD: `${size}:${root.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}` });
});

test('a tile that does not lead to the head is refused and not kept, on the path of the proof or off it', async () => {
  const flip = (at) => (body) => {
    const altered = Buffer.from(body);
    altered[at(altered)] ^= 1;
    return { body: altered };
  };
  const foreign = Buffer.alloc(256 * 32, 7);
  const cases = [
    ['a leaf off the path', /tile\/entries\//, flip((body) => body.length - 1)],
    ['a hash off the path', /tile\/1\//, flip((body) => body.length - 1)],
    ['a hash of the top tile', /tile\/2\//, flip(() => 0)],
    ['a full tile of another log', /tile\/1\/000$/, () => ({ body: foreign })],
    ['a tile cut short', /tile\/1\//, (body) => ({ body: body.subarray(0, 100) })],
    ['a bundle with bytes behind it', /tile\/entries\//, (body) => ({ body: Buffer.concat([body, Buffer.from([0])]) })],
    ['another frontier', /\/v1\//, (body) => ({ body: Buffer.from(body.toString().replace(/"frontier":\["./, '"frontier":["g')) })],
    ['another root', /\/v1\//, (body) => ({ body: Buffer.from(body.toString().replace(ledger.checked.head.root, '0'.repeat(64))) })],
  ];
  await withWorker(async (ask) => {
    for (const [what, path, alter] of cases) {
      let count = 0;
      proxy.alter = (url, body) => (path.test(url) ? ((count += 1), alter(body)) : undefined);
      const { status, body } = await ask('/entries/300');
      assert.ok(count > 0, `${what}: the altered part was asked for`);
      assert.equal(status >= 500, true, `${what}: ${status} ${JSON.stringify(body)}`);
    }
    // Nothing of that was kept: with true tiles the proof is there, at the price of a first one.
    proxy.alter = null;
    const { status, asked } = await ask('/entries/300');
    assert.deepEqual([status, asked.length], [200, 4], asked.join());
  });
});

test('a kept tile that does not lead to the head is fetched again, once', async () => {
  const run = async (isFalse) => {
    const kept = [];
    const fetchTile = async (path, again) => {
      const bytes = new Uint8Array(await (await fetch(`${api}/tlog/${names.ledger}/entries/tile/${path}`)).arrayBuffer());
      if (isFalse(path, again)) bytes[0] ^= 1;
      return { bytes, isKept: !again };
    };
    const log = { verifier, fetchTile, keepTile: (path) => kept.push(path) };
    const { checked } = ledger;
    return { page: await certify(log, checked, '300', { ...names, slot: checked.slot }), kept };
  };
  const { page, kept } = await run((path, again) => path.startsWith('1/') && !again);
  assert.equal(verifier.verify(JSON.stringify(page), pin()).verdict, 'verified');
  assert.equal(kept.length, 3, 'the true tiles take the place of those that were kept');
  assert.deepEqual((await run(() => false)).kept, [], 'kept tiles that are true are not kept again');
  await assert.rejects(run((path) => path.startsWith('1/')), /do not lead to its head: 1\/000/, 'twin: one that stays false is refused');
});

test('a head that the one before does not lead to is refused, and the log goes on from a true one', async () => {
  await withWorker(async (ask) => {
    assert.equal((await ask('/entries/0')).status, 200);
    // A log of one leaf, whose frontier is its root.
    const root = 'ab'.repeat(32);
    proxy.alter = (url, body) => {
      if (!url.startsWith('/v1/')) return undefined;
      const answer = JSON.parse(body);
      answer.checked = { ...answer.checked, head: { size: '1', root }, frontier: [root] };
      return { body: Buffer.from(JSON.stringify(answer)) };
    };
    const { status, body } = await ask('/entries/0');
    assert.deepEqual([status, /rewritten|do not lead/.test(body.detail)], [502, true], JSON.stringify(body));
    proxy.alter = null;
    assert.equal((await ask('/entries/0')).status, 200);
  });
  // Twin: an edge that has seen no head has nothing to compare it with but the tiles.
  await withWorker(async (ask) => assert.equal((await ask('/entries/0')).status, 200));
});

test('where a partial tile is gone the full one serves', async () => {
  await withWorker(async (ask) => {
    const last = Math.floor(RECORDS / 256) * 256;
    proxy.alter = (url, body) => {
      if (/\.p\/\d+$/.test(url)) return { status: 404, body: Buffer.from('gone') };
      // The API has no more than the partial tile: the log has grown to a full one here.
      return url.endsWith(`entries/${String(last / 256).padStart(3, '0')}`) ? { status: 200, body: full } : undefined;
    };
    const path = `/tlog/${names.ledger}/entries/tile/entries/${String(last / 256).padStart(3, '0')}.p/${RECORDS % 256}`;
    const bundle = Buffer.from(await (await fetch(api + path)).arrayBuffer());
    const full = Buffer.concat([bundle, Buffer.alloc((256 - (RECORDS % 256)) * 10, Buffer.from([0, 8, 1, 1, 1, 1, 1, 1, 1, 1]))]);
    const { status, body } = await ask(`/entries/${last}`);
    assert.equal(status, 200, JSON.stringify(body));
  });
});

test('nginx before the API answers 95 of 100 requests for what never changes, and passes heads and credentials on', async () => {
  const nginx = await startNginx(mkdtempSync(join(folder, 'nginx-')), api);
  // Readers who keep nothing: each fetches the head and all tiles of each proof.
  const fetchBytes = async (path, options) => {
    const response = await fetch(`${nginx.url}${path}`, options);
    assert.equal(response.status, 200, path);
    return new Uint8Array(await response.arrayBuffer());
  };
  const fetchTile = async (path) => ({ bytes: await fetchBytes(`/tlog/${names.ledger}/entries/tile/${path}`), isKept: false });
  const log = { verifier, fetchTile, keepTile: () => {} };
  let proofs = 0;
  for (let reader = 0; reader < 40; reader += 1) {
    const { checked } = JSON.parse(new TextDecoder().decode(await fetchBytes(`/v1/ledgers/${names.ledger}`)));
    await Promise.all(Array.from({ length: 10 }, async (_, at) => {
      const index = String((at * 13_999) % RECORDS);
      const page = await certify(log, checked, index, { ...names, slot: checked.slot });
      assert.equal(verifier.verify(JSON.stringify(page), pin()).verdict, 'verified');
      proofs += 1;
    }));
  }
  const lines = nginx.lines();
  const of = (prefix) => lines.filter(([, , path]) => path.startsWith(prefix));
  const [tiles, heads] = [of('/tlog/'), of('/v1/')];
  const hits = tiles.filter(([cache]) => cache === 'HIT').length;
  console.log(`${proofs} proofs: ${tiles.length} tiles, ${((100 * hits) / tiles.length).toFixed(2)} % from the cache; ${heads.length} heads`);
  assert.ok(tiles.length > 1_000 && hits / tiles.length >= 0.95, `${hits} of ${tiles.length}`);
  // Twin: heads change, so none may come from the cache.
  assert.ok(heads.length === 40 && heads.every(([cache]) => cache !== 'HIT'));
  const path = `/tlog/${names.ledger}/entries/tile/1/000`;
  await fetchBytes(path, { headers: { authorization: 'Bearer x' } });
  await fetchBytes(path);
  assert.deepEqual(nginx.lines().slice(-2).map(([cache]) => cache), ['BYPASS', 'HIT']);
});
