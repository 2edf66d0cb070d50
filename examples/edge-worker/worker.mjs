/**
 * Entries with proofs, assembled at the edge: the operator's API is asked for the head, and for tiles that were not there before.
 *
 * GET /entries/INDEX is a page of one entry with its certificate, as the API answers it. POST /verify gives the verdict on a document.
 * Nothing that the API says is believed: each tile leads to the head before it is kept, and each head extends the one before.
 * That the head is the chain's is for the reader to find out, or for the operator of the edge who pins one in HEAD.
 */

import { createVerifier, VerifierError } from 'verifier';
import module from 'counterfoil_verifier.wasm';

import { certify, grow, Refused } from 'proofs';

const verifier = createVerifier(module);
/** The newest head that this instance has seen. */
let kept = null;

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const entry = /^\/entries\/(0|[1-9]\d{0,14})$/.exec(pathname);
    try {
      if (request.method === 'GET' && entry) return await answerEntry(entry[1], env);
      if (request.method === 'POST' && pathname === '/verify') {
        return answer((await verifier).verify(await request.arrayBuffer(), pinOf(env)));
      }
      return answer({ detail: 'There is GET /entries/INDEX and POST /verify.' }, 404);
    } catch (error) {
      if (error instanceof Refused) return answer({ detail: error.message }, error.status);
      // An answer that the module cannot read, or one that is too long.
      if (error instanceof VerifierError) return answer({ detail: error.message }, 502);
      throw error;
    }
  },
};

async function answerEntry(index, env) {
  const log = { verifier: await verifier, fetchTile: (path, again) => fetchTile(path, again, env), keepTile: (path, bytes) => keepTile(path, bytes, env) };
  const { head, frontier, slot } = await fetchHead(env);
  kept = await grow(log, kept, { head, frontier }, pinOf(env));
  const page = await certify(log, { head, frontier }, index, { ...namesOf(env), slot });
  const verdict = log.verifier.verify(JSON.stringify(page), pinOf(env));
  if (verdict.verdict === 'refused') throw new Refused(verdict.reason);
  return answer({ ...page, verdict });
}

/** What the operator of the edge relies on. */
function pinOf(env) {
  const pin = namesOf(env);
  if (!env.HEAD) return pin;
  const [size, root] = env.HEAD.split(':');
  return { ...pin, heads: [{ log: 'entries', size, root }] };
}

const namesOf = ({ GENESIS_HASH: genesis_hash, PROGRAM: program, LEDGER: ledger }) => ({ genesis_hash, program, ledger });

async function fetchHead(env) {
  const response = await env.API.fetch(`http://api/v1/ledgers/${env.LEDGER}`);
  if (!response.ok) throw new Refused(`the API answers ${response.status} to the question for the head`);
  const { checked } = await response.json();
  if (!checked) throw new Refused('the API has not compared the ledger with the chain yet', 503);
  return checked;
}

const tileUrl = (path, env) => `http://api/tlog/${env.LEDGER}/entries/tile/${path}`;

/** A tile from the cache, or else, and when asked `again`, from the API. */
async function fetchTile(path, again, env) {
  const found = again ? undefined : await caches.default.match(tileUrl(path, env));
  if (found) return { bytes: new Uint8Array(await found.arrayBuffer()), isKept: true };
  const response = await env.API.fetch(tileUrl(path, env));
  if (!response.ok) throw new Refused(`the API answers ${response.status} to the question for tile ${path}`);
  return { bytes: new Uint8Array(await response.arrayBuffer()), isKept: false };
}

/** Keeps a tile that was shown to lead to a head: it never changes. */
function keepTile(path, bytes, env) {
  const headers = { 'content-type': 'application/octet-stream', 'cache-control': 'public, max-age=31536000, immutable' };
  return caches.default.put(tileUrl(path, env), new Response(bytes, { headers }));
}

function answer(body, status = 200) {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
  return new Response(JSON.stringify(body), { status, headers });
}
