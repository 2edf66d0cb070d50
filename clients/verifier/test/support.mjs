/** The parts that the tests share: documents from `docs/vectors`, with the verdict that each must get, and the native verifier. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const readVectors = (name) => JSON.parse(readFileSync(`${ROOT}docs/vectors/${name}.json`, 'utf8'));
export const vectors = Object.fromEntries(
  ['receipt', 'evidence', 'log', 'program'].map((name) => [name, readVectors(name)]),
);

/** The vectors v1: each rule's name and verdict, and the document, the pin and the answer of each of its vectors. */
export function* verdicts() {
  const { documents, pins, answers, rules } = readVectors('verdicts');
  const nothing = { claims: null, facts: null };
  const texts = Object.fromEntries(Object.entries(documents).map(([name, { text }]) => [name, Buffer.from(text)]));
  for (const { rule, verdict, vectors } of rules) {
    for (const { of, pin, at, remove, insert, insert_base64, answer } of vectors) {
      const inserted = insert === undefined ? Buffer.from(insert_base64, 'base64') : Buffer.from(insert);
      const document = Buffer.concat([texts[of].subarray(0, at), inserted, texts[of].subarray(at + remove)]);
      yield { name: `${rule} of ${of} at ${at}`, verdict, document, pin: pins[pin], answer: answers[answer] ?? nothing };
    }
  }
}

/** A document with another value at a path of members. */
export function altered(document, [member, ...rest], value) {
  if (member === undefined) return value;
  return { ...document, [member]: altered(document[member], rest, value) };
}

/** A pin of all that a verdict without a pin says of a document. */
export function pinOf({ claims: { genesis_hash, program, ledger, heads } }) {
  const pin = { heads };
  return ledger === undefined ? pin : { genesis_hash, program, ledger, ...pin };
}

/** Another hash. */
export const flipped = (hash) => (hash[0] === '0' ? '1' : '0') + hash.slice(1);

const lines = (texts) => texts.map((line) => `${line}\n`).join('');

/** Each document of the vectors: its name, its text, and whether its parts belong together; `null` where that cannot be told. */
export function* documents() {
  const { receipts, alterations, unreadable } = vectors.receipt;
  for (const [at, receipt] of receipts.entries()) yield [`receipt ${at}`, JSON.stringify(receipt), true];
  for (const { of, path, value, refused } of alterations) {
    const holds = refused === null ? true : refused === 'statement' ? null : false;
    const text = JSON.stringify(altered(receipts[of], path, value));
    yield [`receipt ${of}, ${path.join('.')} = ${JSON.stringify(value)}`, text, holds];
  }
  for (const [at, text] of unreadable.entries()) yield [`unreadable ${at}: ${text.slice(0, 60)}`, text, false];

  const { evidence, headers, alterations: others } = vectors.evidence;
  for (const [at, texts] of evidence.entries()) yield [`evidence ${at}`, lines(texts), true];
  for (const { of, path, value, verified } of headers) {
    const header = JSON.stringify(altered(JSON.parse(evidence[of][0]), path, value));
    yield [`evidence ${of}, ${path.join('.')} = ${JSON.stringify(value)}`, lines([header, ...evidence[of].slice(1)]), verified];
  }
  for (const [number, { of, at, removed, lines: instead, verified }] of others.entries()) {
    const texts = evidence[of].toSpliced(at, removed, ...instead);
    // Without its last line a file was cut off, and the rest of it may be true. Without its first it is none.
    const isCut = !verified && at > 0 && at + removed === evidence[of].length && instead.length === 0;
    yield [`evidence ${of}, alteration ${number} at ${at}`, lines(texts), isCut ? null : verified];
  }

  for (const [number, { first_size, first_root, second_size, second_root, proof, fault }] of vectors.log.consistency.entries()) {
    const answer = { first: { size: first_size, root: first_root }, second: { size: second_size, root: second_root }, proof };
    yield [`consistency ${number}, ${fault}`, JSON.stringify({ log: 'entries', ...answer }), fault === null];
  }

  for (const [number, page] of [...pages()].entries()) {
    yield [`page ${number}`, JSON.stringify(page), true];
    for (const [what, other] of alteredPages(page)) yield [`page ${number}, ${what}`, JSON.stringify(other), false];
  }
}

const base64 = (hex) => Buffer.from(hex, 'hex').toString('base64');

/** Pages of all entries of the shared log, and of all events of the shared ledger, at each size. */
function* pages() {
  const { ledger, program, steps } = vectors.program;
  const names = { format: 'counterfoil certificate v1', genesis_hash: program, program, ledger: ledger.address };
  const certificate = (log, to, root) => ({
    certificate: { ...names, log, from: '0', to: String(to), head: { size: String(to), root }, slot: '1', proof: [] },
  });
  for (const { size, root } of vectors.log.roots) {
    const leaves = vectors.log.leaves.slice(0, Number(size)).filter(({ entry }) => entry !== '');
    if (size === '0' || leaves.length !== Number(size)) continue;
    const entries = leaves.map(({ entry, leaf_hash }, at) => ({ index: String(at), payload: base64(entry), leaf_hash }));
    yield { entries, ...certificate('entries', size, root) };
  }
  const events = [];
  for (const { event, account } of steps) {
    if (!event) continue;
    events.push({ seq: String(events.length), leaf: base64(event.leaf), leaf_hash: event.leaf_hash });
    yield { events: [...events], ...certificate('events', events.length, account.fields.event_root) };
  }
}

function* alteredPages(page) {
  const [log, member] = page.entries ? ['entries', 'payload'] : ['events', 'leaf'];
  const rows = page[log];
  const withRow = (at, row) => ({ ...page, [log]: rows.with(at, { ...rows[at], ...row }) });
  for (const at of [0, rows.length - 1]) {
    const bytes = Buffer.from(rows[at][member], 'base64');
    bytes[0] ^= 1;
    yield [`bytes of row ${at}`, withRow(at, { [member]: bytes.toString('base64'), leaf_hash: undefined })];
    yield [`bytes of row ${at} under the old hash`, withRow(at, { [member]: bytes.toString('base64') })];
    yield [`number of row ${at}`, withRow(at, { [log === 'entries' ? 'index' : 'seq']: String(at + 1) })];
  }
  yield ['a row less', { ...page, [log]: rows.slice(1) }];
  yield ['a row more', { ...page, [log]: [...rows, rows[0]] }];
  yield ['another log', altered(page, ['certificate', 'log'], log === 'entries' ? 'events' : 'entries')];
  yield ['another root', altered(page, ['certificate', 'head', 'root'], flipped(page.certificate.head.root))];
  yield ['another size', altered(page, ['certificate', 'head', 'size'], String(rows.length + 1))];
  yield ['a hash more', altered(page, ['certificate', 'proof'], [page.certificate.head.root])];
  yield ['a member more', altered(page, ['certificate', 'note'], '')];
}

/** The native build of the same crate: answers for calls, each a pin and a document. */
export async function native(calls) {
  const target = process.env.CARGO_TARGET_DIR ?? `${ROOT}target`;
  const path = `${target}/debug/examples/native`;
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: cargo build --locked -p counterfoil-verifier-wasm --example native`);
  }
  const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const framed = (text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  for (const [pin, document] of calls) {
    child.stdin.write(Buffer.concat([framed(pin === undefined ? '' : JSON.stringify(pin)), framed(document)]));
  }
  child.stdin.end();
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const output = Buffer.concat(chunks);
  const answers = [];
  for (let at = 0; at < output.length; ) {
    const end = at + 4 + output.readUInt32LE(at);
    answers.push(JSON.parse(output.subarray(at + 4, end).toString()));
    at = end;
  }
  return answers;
}
