import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  EvidenceError,
  evidenceLines,
  MalformedError,
  parseReceipt,
  ReceiptError,
  verifyEvidence,
  verifyReceipt,
  type TreeHead,
} from '../src/index.js';
import { readVectors, toHex } from './support.js';

/** The vectors v1: documents and pins, and each vector as one splice of a document's bytes. */
interface Verdicts {
  documents: Record<string, { kind: string; text: string }>;
  pins: Record<string, Pin>;
  rules: { rule: string; verdict: string; vectors: Vector[] }[];
}

type Pin = Partial<Record<'genesis_hash' | 'program' | 'ledger', string>> & { heads?: Head[] };
type Head = Record<'log' | 'size' | 'root', string>;
type Vector = { of: string; pin?: string; at: number; remove: number; insert?: string; insert_base64?: string };

/** The names and heads that a document proves of itself, and the heads that show its entries. */
interface Claims {
  names: Pin;
  heads: Head[];
  shows: Head[];
}

const named = (log: string, { size, root }: TreeHead): Head => ({ log, size: `${size}`, root: toHex(root) });

/** The claims of a document, or null where this package refuses it. */
async function claims(kind: string, document: Uint8Array): Promise<Claims | null> {
  try {
    if (kind === 'receipt') {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document);
      const { receipt, stated, later } = verifyReceipt(parseReceipt(text));
      const entries = [stated, later?.entries]
        .filter((head) => head !== undefined)
        .map((head) => named('entries', head));
      const events = later ? [named('events', later.events)] : [];
      // An event shows the entry where it states the head that the entry is under.
      return {
        names: names(receipt),
        heads: [...entries, ...events],
        shows: stated ? [...entries, ...events] : entries,
      };
    }
    const pieces = async function* () {
      yield document;
    };
    const { header, stated, later } = await verifyEvidence(evidenceLines(pieces()));
    const heads = [named('entries', stated), named('entries', later.entries), named('events', later.events)];
    return { names: names(header), heads, shows: heads };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof ReceiptError || error instanceof EvidenceError) return null;
    if (kind === 'receipt' && error instanceof TypeError && /encoded data/.test(error.message)) return null;
    throw error;
  }
}

const names = (of: { genesisHash: string; program: string; ledger: string }): Pin => ({
  genesis_hash: of.genesisHash,
  program: of.program,
  ledger: of.ledger,
});

/** Whether a pin is met: all names that it has, one head at least that shows the entries, and none that contradicts. */
function isMet(pin: Pin, { names, heads, shows }: Claims): boolean {
  const others = (['genesis_hash', 'program', 'ledger'] as const).filter((name) => pin[name] !== undefined);
  if (others.some((name) => pin[name] !== names[name])) return false;
  const isRelated = (one: Head, other: Head) =>
    one.log === other.log && (one.size === other.size || one.root === other.root);
  const isSame = (one: Head, other: Head) =>
    one.log === other.log && one.size === other.size && one.root === other.root;
  const pinned = pin.heads ?? [];
  const contradicts = heads.some((head) => pinned.some((other) => isRelated(head, other) && !isSame(head, other)));
  return !contradicts && shows.some((head) => pinned.some((other) => isSame(head, other)));
}

/** The vectors of receipts and evidence for which another verdict comes out; pages and proofs alone have no reader here. */
async function differing(judge: typeof claims): Promise<{ count: number; others: string[] }> {
  const { documents, pins, rules } = readVectors<Verdicts>('verdicts');
  const others: string[] = [];
  let count = 0;
  for (const { rule, verdict, vectors } of rules) {
    for (const { of, pin, at, remove, insert, insert_base64 } of vectors) {
      const { kind, text } = documents[of]!;
      if (kind !== 'receipt' && kind !== 'evidence') continue;
      const bytes = Buffer.from(text);
      const inserted = insert === undefined ? Buffer.from(insert_base64!, 'base64') : Buffer.from(insert);
      const document = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + remove)]);
      const claimed = await judge(kind, document);
      const isVerified = claimed !== null && pin !== undefined && isMet(pins[pin]!, claimed);
      count += 1;
      if (isVerified !== (verdict === 'verified')) others.push(`${rule} of ${of} at ${at}`);
    }
  }
  return { count, others };
}

test('each vector of a receipt or of evidence is verified where its rule says so, and no other', async () => {
  const { count, others } = await differing(claims);
  assert.deepEqual(others.slice(0, 20), [], `${others.length} differ`);
  assert.ok(count > 2_000, `${count}`);
});

test('twin: a verifier that takes each document for the first of its kind fails the same run', async () => {
  const { documents } = readVectors<Verdicts>('verdicts');
  const first = (kind: string) => Object.values(documents).find((document) => document.kind === kind)!;
  const { others } = await differing((kind) => claims(kind, Buffer.from(first(kind).text)));
  assert.ok(others.length > 0);
});
