import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  EvidenceError,
  evidenceLines,
  MalformedError,
  MAX_EVIDENCE_LINE_BYTES,
  verifyEvidence,
  type EvidenceErrorCode,
} from '../src/index.js';
import { altered, readVectors, toHex, utf8, type Json } from './support.js';

interface EvidenceVectors {
  evidence: string[][];
  headers: { of: number; path: string[]; value: Json; verified: boolean }[];
  alterations: { of: number; at: number; removed: number; lines: string[]; verified: boolean }[];
}

const vectors = readVectors<EvidenceVectors>('evidence');
const [first] = vectors.evidence as [string[]];

/** Whether lines verify. A refusal is an error of the package's own. */
async function isVerified(lines: Iterable<string> | AsyncIterable<string>): Promise<boolean> {
  try {
    await verifyEvidence(lines);
    return true;
  } catch (error) {
    if (error instanceof MalformedError || error instanceof EvidenceError) return false;
    throw error;
  }
}

test('the shared evidence verifies and says what it proves', async () => {
  assert.ok(vectors.evidence.length > 0);
  for (const lines of vectors.evidence) {
    const [text, ...rest] = lines as [string, ...string[]];
    const said = JSON.parse(text) as Record<'entries' | 'events' | 'bridge', { head: { size: string; root: string } }>;
    const { header, event, leaf, stated, later } = await verifyEvidence(lines);
    const plain = ({ size, root }: typeof stated) => ({ size: `${size}`, root: toHex(root) });
    assert.deepEqual([plain(stated), plain(header.entries.head)], [said.entries.head, said.entries.head]);
    assert.deepEqual(plain(later.entries), (said.bridge ?? said.entries).head);
    assert.deepEqual(plain(later.events), said.events.head);
    assert.deepEqual([event.header.ledger, event.header.eventSeq], [header.ledger, header.events.to - 1n]);
    const last = rest.filter((line) => line.startsWith('{"event"')).at(-1)!;
    assert.equal((JSON.parse(last) as { event: { leaf: string } }).event.leaf, Buffer.from(leaf).toString('base64'));
  }
});

test('the shared alterations are refused, or verify where only the chain can tell', async () => {
  for (const { of, path, value, verified } of vectors.headers) {
    const [header, ...rest] = vectors.evidence[of] as [string];
    const text = JSON.stringify(altered(JSON.parse(header) as Json, path, value));
    assert.equal(await isVerified([text, ...rest]), verified, `${of}: ${path.join('.')} = ${JSON.stringify(value)}`);
  }
  for (const { of, at, removed, lines, verified } of vectors.alterations) {
    const instead = [...vectors.evidence[of]!];
    instead.splice(at, removed, ...lines);
    assert.equal(await isVerified(instead), verified, `${of}: ${removed} from ${at} on: ${lines.join('\n')}`);
  }
});

test('an error says which line, and what belongs there', async () => {
  const refused = (lines: string[], code: EvidenceErrorCode, message: RegExp) =>
    assert.rejects(verifyEvidence(lines), { name: 'EvidenceError', code, message });
  await refused([], 'cut_off', /no line/);
  await refused(first.slice(0, -1), 'cut_off', /no last line/);
  await refused([first[0]!, ...first.slice(2)], 'wrong_line', /^line 2 .* the next event$/);
  await refused([...first, '{}'], 'wrong_line', new RegExp(`^line ${first.length + 1} .* nothing$`));
  await refused(['{"format":"counterfoil evidence v2"}'], 'unknown_format', /counterfoil evidence v1/);
  await assert.rejects(verifyEvidence([first[0]!, '{"event":{"seq":"1"}}']), { where: 'line 2.leaf' });
});

test('reading ends with the first line that does not belong there', async () => {
  let [taken, closed] = [0, false];
  const lines = function* () {
    try {
      for (;;) {
        yield first[Math.min(taken, 2)]!;
        taken += 1;
      }
    } finally {
      closed = true;
    }
  };
  assert.equal(await isVerified(lines()), false);
  assert.deepEqual([taken, closed], [3, true]);
});

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length);
}

test('lines are cut from pieces of any length, and only what is UTF-8 with short lines', async () => {
  const bytes = utf8(`${first.join('\n')}\n`);
  for (const length of [1, 7, 64, 1 << 16]) {
    const lines: string[] = [];
    for await (const line of evidenceLines(inPieces(bytes, length))) lines.push(line);
    assert.deepEqual(lines, first);
  }
  assert.ok(await isVerified(evidenceLines(inPieces(bytes.slice(0, -1), 100))));
  for (const more of ['\n', ' ', '\0', '\n\n']) {
    const longer = utf8(`${first.join('\n')}\n${more}`);
    assert.equal(await isVerified(evidenceLines(inPieces(longer, 100))), false, JSON.stringify(more));
  }
  for (const wrong of [[0xef, 0xbb, 0xbf], [0xff], [0xed, 0xa0, 0x80]]) {
    assert.equal(await isVerified(evidenceLines(inPieces(Uint8Array.from([...wrong, ...bytes]), 100))), false);
    const within = Uint8Array.from([...bytes.slice(0, 40), ...wrong, ...bytes.slice(40)]);
    assert.equal(await isVerified(evidenceLines(inPieces(within, 100))), false);
  }
  // With its end a line has as many bytes as it may.
  for (const [length, verified] of [
    [MAX_EVIDENCE_LINE_BYTES - 1, true],
    [MAX_EVIDENCE_LINE_BYTES, false],
  ] as const) {
    const padded = first.map((line, at) => (at === 1 ? line.padEnd(length) : line));
    assert.equal(await isVerified(padded), verified);
    assert.equal(await isVerified(evidenceLines(inPieces(utf8(padded.join('\n')), 1 << 16))), verified);
  }
  // One that never ends is not waited for.
  const endless = async function* () {
    for (;;) yield utf8(' '.repeat(1 << 16));
  };
  assert.equal(await isVerified(evidenceLines(endless())), false);
});
