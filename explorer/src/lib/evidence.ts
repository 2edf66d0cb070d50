/** Evidence of a range of entries, made of what the API answers, and judged by its bytes. Form: docs/protocol.md section 8. */

import { ask, isNumber } from './api';
import { type EventLeaf, readEvent } from './event';
import { judge, type Judgement } from './judge';
import { counted } from './text';

/** The most entries of one file: a browser holds all of it at once. `counterfoil evidence` has no such bound. */
export const MOST_ENTRIES = 20_000;
const MOST_CHARACTERS = 48 << 20;
const [ENTRIES_PAGE, EVENTS_PAGE] = [500n, 1_000n];

export interface Row {
  index: string;
  /** In base64. */
  payload: string;
  /** The event that appended it. */
  event: EventLeaf;
}

export interface Evidence {
  /** The file. */
  text: string;
  /** Its entries, read from the file after it was judged. */
  rows: Row[];
  judgement: Judgement;
  /** Whether signers and times are shown, too. */
  hasEvents: boolean;
}

/** Tells of each hash of an inclusion proof whether it stands to the left. Source: RFC 9162 section 2.1.3.2. */
function side(index: bigint, size: bigint, proof: string[], isWanted: boolean): string[] {
  let [node, last] = [index, size - 1n];
  return proof.filter(() => {
    const isLeft = node % 2n === 1n || node === last;
    if (isLeft) while (node % 2n === 0n && node > 0n) [node, last] = [node >> 1n, last >> 1n];
    [node, last] = [node >> 1n, last >> 1n];
    return isLeft === isWanted;
  });
}

/** The proof of a range, from the inclusion proofs of its first and its last leaf. */
const around = (first: bigint, firstProof: string[], last: bigint, lastProof: string[], size: bigint): string[] => [
  ...side(first, size, firstProof, true).reverse(),
  ...side(last, size, lastProof, false),
];

/** A number of the API's, which may say anything. */
function number(value: unknown): bigint {
  if (!isNumber(String(value))) throw new Error('the API answered with what is no number');
  return BigInt(String(value));
}

async function inclusion(ledger: string, log: string, index: bigint, size: bigint): Promise<string[]> {
  const { body } = await ask(`/v1/ledgers/${ledger}/inclusion?log=${log}&index=${index}&size=${size}`);
  return body.proof;
}

async function* pages(ledger: string, log: 'entries' | 'events', from: bigint, to: bigint, limit: bigint): AsyncGenerator<any> {
  for (let next = from; next < to; ) {
    const most = to - next < limit ? to - next : limit;
    const { body } = await ask(`/v1/ledgers/${ledger}/${log}?first=${next}&limit=${most}`);
    if (!body[log].length) throw new Error(`the API does not serve ${log} from ${next} on`);
    for (const one of body[log]) {
      if (number(one.index ?? one.seq) !== next) throw new Error(`the index does not have number ${next} of the ${log}: it was appended by the hash of its subtree`);
      next += 1n;
      yield one;
    }
  }
}

/** The file's first line, of the receipts of the first and the last entry. */
async function header(ledger: string, from: bigint, to: bigint): Promise<any> {
  const [first, last] = (await Promise.all([from, to - 1n].map((index) => ask(`/v1/ledgers/${ledger}/entries/${index}/receipt`)))).map(({ body }) => body);
  if (!last.bridge) throw new Error("the API's receipts have no bridge to its heads");
  const stated = readEvent(last.event.leaf);
  const [seq, end, events] = [number(first.event.seq), number(last.event.seq) + 1n, number(last.bridge.event_head.size)];
  const size = BigInt(stated.size);
  const [left, eventLeft] = await Promise.all([inclusion(ledger, 'entries', from, size), inclusion(ledger, 'events', seq, events)]);
  return {
    format: 'counterfoil evidence v1',
    genesis_hash: last.genesis_hash,
    program: last.program,
    ledger,
    entries: { from: String(from), to: String(to), head: { size: stated.size, root: stated.root }, proof: around(from, left, to - 1n, last.entry.proof, size) },
    events: { from: String(seq), to: String(end), head: last.bridge.event_head, proof: around(seq, eventLeft, end - 1n, last.bridge.event_proof, events) },
    content: true,
    ...(last.transaction && { transaction: last.transaction }),
    bridge: { head: last.bridge.head, consistency: last.bridge.consistency },
  };
}

function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let event: EventLeaf | null = null;
  for (const line of text.split('\n').slice(1, -2).map((line) => JSON.parse(line))) {
    if (line.event) event = readEvent(line.event.leaf);
    else rows.push({ index: line.entry.index, payload: line.entry.payload, event: event! });
  }
  return rows;
}

/** Gathers entries from one index up to another, with the events that appended them. Throws words where it cannot. */
export async function gather(ledger: string, from: bigint, to: bigint, tell: (done: number) => void = () => undefined): Promise<Evidence> {
  if (to <= from) throw new Error('The range has no entry: its end is above its first index.');
  if (to - from > BigInt(MOST_ENTRIES)) {
    throw new Error(`A page takes ${counted(MOST_ENTRIES, 'entry', 'entries')} at most, these are ${to - from}: counterfoil evidence ${ledger} --from ${from} --to ${to} --with-content --out FILE takes all.`);
  }
  const first = await header(ledger, from, to);
  const lines = [JSON.stringify(first)];
  let [next, characters] = [from, 0];
  const entries = pages(ledger, 'entries', from, to, ENTRIES_PAGE);
  for await (const { seq, leaf } of pages(ledger, 'events', BigInt(first.events.from), BigInt(first.events.to), EVENTS_PAGE)) {
    lines.push(JSON.stringify({ event: { seq, leaf } }));
    const end = BigInt(readEvent(leaf).size);
    for (; next < to && next < end; next += 1n) {
      const { index, payload } = (await entries.next()).value;
      const line = JSON.stringify({ entry: { index, payload } });
      if ((characters += line.length) > MOST_CHARACTERS) throw new Error('These entries are too long for a page: take fewer, or counterfoil evidence.');
      lines.push(line);
    }
    tell(Number(next - from));
  }
  lines.push(JSON.stringify({ end: { entries: String(to - from), events: String(BigInt(first.events.to) - BigInt(first.events.from)) } }));
  const text = `${lines.join('\n')}\n`;
  const judgement = await judge(text, ledger);
  const rows = judgement.state === 'refuted' ? [] : rowsOf(text);
  return { text, rows, judgement, hasEvents: judgement.verdict?.facts?.event !== undefined };
}
