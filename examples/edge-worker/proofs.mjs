/** Proofs from tiles. A tile is used, and kept, only once all tiles of its proof were shown to lead to the head. */

/** An answer of the API's that contradicts itself or a head before, or that is missing. */
export class Refused extends Error {
  constructor(message, status = 502) {
    super(message);
    this.status = status;
  }
}

/** A page of one entry, with the certificate that leads to the head. */
export async function certify(log, { head, frontier }, index, { slot, ...names }) {
  if (BigInt(index) >= BigInt(head.size)) throw new Refused(`there is no entry ${index} among ${head.size} yet`, 404);
  const to = String(BigInt(index) + 1n);
  const { proof, tiles } = await prove(log, { head, frontier, range: { from: index, to } });
  const [, bundle] = [...tiles].find(([path]) => path.startsWith('entries/'));
  const payload = toBase64(leafOf(bundle, Number(BigInt(index) % 256n)));
  const certificate = { format: 'counterfoil certificate v1', ...names, log: 'entries', from: index, to, head, slot, proof };
  return { entries: [{ index, payload }], certificate };
}

/** The newer of two heads, once it was shown to extend the older one. */
export async function grow(log, kept, next, pin) {
  if (kept === null || kept.head.root === next.head.root) return kept ?? next;
  // Answers overtake each other: the older head must be one that the kept one extends.
  const [first, second] = BigInt(kept.head.size) <= BigInt(next.head.size) ? [kept, next] : [next, kept];
  const { proof } = await prove(log, { head: second.head, frontier: second.frontier, first: first.head.size });
  const document = { log: 'entries', first: first.head, second: second.head, proof };
  const { heads, ...names } = pin;
  const { verdict, reason } = log.verifier.verify(JSON.stringify(document), { ...names, heads: [{ log: 'entries', ...kept.head }] });
  if (verdict !== 'consistent' && verdict !== 'verified') throw new Refused(`the log was rewritten: ${reason}`);
  return second;
}

/** A proof with its tiles. Tiles that were kept and are refused are fetched again, once. */
async function prove(log, request) {
  const { needed, ...whole } = expectNotRefused(log.verifier.prove(request));
  if (needed === undefined) return { ...whole, tiles: new Map() };
  for (const again of [false, true]) {
    const fetched = await Promise.all(needed.map((path) => fetchOrCut(log, path, again)));
    const tiles = new Map(needed.map((path, at) => [path, fetched[at].bytes]));
    const answer = log.verifier.prove(request, tiles);
    if (answer.refused && !again && fetched.some(({ isKept }) => isKept)) continue;
    const { proof } = expectNotRefused(answer);
    const fresh = needed.filter((_, at) => !fetched[at].isKept);
    await Promise.all(fresh.map((path) => log.keepTile(path, tiles.get(path))));
    return { proof, tiles };
  }
}

/** A tile; where a partial one is gone, the full one that it grew to, cut. Source: <https://c2sp.org/tlog-tiles>, "Partial Tiles". */
async function fetchOrCut(log, path, again) {
  const partial = /^(.*)\.p\/(\d+)$/.exec(path);
  try {
    return await log.fetchTile(path, again);
  } catch (error) {
    if (!partial || !(error instanceof Refused)) throw error;
    const { bytes } = await log.fetchTile(partial[1], again);
    const width = Number(partial[2]);
    const end = path.startsWith('entries/') ? offsetOf(bytes, width) : 32 * width;
    return { bytes: bytes.slice(0, end), isKept: false };
  }
}

function expectNotRefused(answer) {
  if (answer.refused) throw new Refused(`the API's tiles do not lead to its head: ${answer.refused.where}: ${answer.refused.reason}`);
  return answer;
}

/** Where a bundle's leaf begins: leaves stand there one after the other, each after its length in two bytes, big-endian. */
function offsetOf(bundle, index) {
  let at = 0;
  for (let skipped = 0; skipped < index; skipped += 1) at += 2 + ((bundle[at] << 8) | bundle[at + 1]);
  return at;
}

function leafOf(bundle, index) {
  const at = offsetOf(bundle, index);
  return bundle.subarray(at + 2, at + 2 + ((bundle[at] << 8) | bundle[at + 1]));
}

function toBase64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
