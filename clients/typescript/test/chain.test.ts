/** From the first append to a refused forgery, on a real node. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import {
  createDefaultRpcTransport,
  createSolanaRpcFromTransport,
  generateKeyPairSigner,
  isSolanaError,
  type Address,
  type KeyPairSigner,
  type ReadonlyUint8Array,
  type RpcTransport,
} from '@solana/kit';

import {
  confirmEvidence,
  confirmReceipt,
  ConfirmationError,
  EVIDENCE_FORMAT,
  fetchLedgerAccount,
  formatReceipt,
  hashLeaf,
  LedgerFlag,
  parseReceipt,
  Permission,
  RECEIPT_FORMAT,
  RECEIPT_FORMAT_V1,
  subtrees,
  verifyEvidence,
  verifyInclusion,
  verifyReceipt,
  type ConfirmOptions,
  type ConsistencyRequest,
  type Receipt,
  type ReceiptV1,
  type ReceiptV2,
  type Server,
  type ServerConfirmation,
  type TreeHead,
  type VerifiedReceipt,
} from '../src/index.js';
import * as program from '../src/generated/index.js';
import { Node, type SentEvent } from './node.js';
import {
  insidePackage,
  naiveBeside,
  naiveConsistency,
  naiveLeaf,
  naiveProof,
  naiveRoot,
  projectPath,
  toHex,
  utf8,
  writeExamples,
} from './support.js';

/** A ledger that this test alone writes to, so that it knows all its entries and events. */
class Journal {
  readonly entries: ReadonlyUint8Array[] = [];
  readonly events: SentEvent[] = [];

  constructor(
    readonly address: Address,
    readonly genesisHash: Receipt['genesisHash'],
  ) {}

  leaves(): Uint8Array[] {
    return this.entries.map(naiveLeaf);
  }

  eventLeaves(): Uint8Array[] {
    return this.events.map(({ leaf }) => naiveLeaf(leaf));
  }

  /** A receipt as anybody with the entries and the events can make it. */
  receipt(index: number, size = this.entries.length): ReceiptV2 & Required<Pick<ReceiptV2, 'bridge' | 'transaction'>> {
    const { event, seq, eventLeaves, ...parts } = this.parts(index);
    const stated = Number(event.event.header.size);
    return {
      format: RECEIPT_FORMAT,
      ...parts,
      entry: { ...parts.entry, proof: naiveProof(index, this.leaves().slice(0, stated)) },
      event: { seq: BigInt(seq), leaf: event.leaf },
      transaction: event.signature,
      bridge: {
        ...this.heads(size),
        consistency: naiveConsistency(stated, this.leaves().slice(0, size)),
        eventProof: naiveProof(seq, eventLeaves),
      },
    };
  }

  /** The same as version 1. */
  receiptV1(index: number, size = this.entries.length): ReceiptV1 {
    const { event, seq, eventLeaves, ...parts } = this.parts(index);
    return {
      format: RECEIPT_FORMAT_V1,
      ...parts,
      entry: { ...parts.entry, proof: naiveProof(index, this.leaves().slice(0, size)) },
      event: { seq: BigInt(seq), leaf: event.leaf, proof: naiveProof(seq, eventLeaves) },
      ...this.heads(size),
    };
  }

  private parts(index: number) {
    const seq = this.events.findIndex(({ event }) => event.header.size > BigInt(index));
    const { genesisHash, address: ledger } = this;
    const entry = { index: BigInt(index), payload: this.entries[index]! };
    const eventLeaves = this.eventLeaves();
    const program_ = program.COUNTERFOIL_PROGRAM_ADDRESS;
    return { genesisHash, program: program_, ledger, entry, seq, event: this.events[seq]!, eventLeaves };
  }

  private heads(size: number) {
    const [leaves, eventLeaves] = [this.leaves().slice(0, size), this.eventLeaves()];
    return {
      head: { size: BigInt(size), root: naiveRoot(leaves) },
      eventHead: { size: BigInt(eventLeaves.length), root: naiveRoot(eventLeaves) },
    };
  }

  /** The lines of evidence, by the entries' hashes or with their bytes, as of all events so far. */
  evidence(from: number, to: number, { content = false, isNamed = true } = {}): string[] {
    const covering = (index: number) => this.events.findIndex(({ event }) => event.header.size > BigInt(index));
    const [first, last] = [covering(from), covering(to - 1)];
    const [leaves, eventLeaves] = [this.leaves(), this.eventLeaves()];
    const stated = Number(this.events[last]!.event.header.size);
    const headOf = (of: readonly ReadonlyUint8Array[]) => ({ size: `${of.length}`, root: toHex(naiveRoot(of)) });
    const range = (of: readonly ReadonlyUint8Array[], from: number, to: number) => {
      return { from: `${from}`, to: `${to}`, head: headOf(of), proof: naiveBeside(0, of, from, to).map(toHex) };
    };
    const base64 = (bytes: ReadonlyUint8Array) => Buffer.from(Uint8Array.from(bytes)).toString('base64');
    const lines: object[] = [
      {
        format: EVIDENCE_FORMAT,
        genesis_hash: this.genesisHash,
        program: program.COUNTERFOIL_PROGRAM_ADDRESS,
        ledger: this.address,
        entries: range(leaves.slice(0, stated), from, to),
        events: range(eventLeaves, first, last + 1),
        content,
        transaction: isNamed ? this.events[last]!.signature : undefined,
        bridge: { head: headOf(leaves), consistency: naiveConsistency(stated, leaves).map(toHex) },
      },
    ];
    let next = from;
    for (let seq = first; seq <= last; seq += 1) {
      const { event, leaf } = this.events[seq]!;
      lines.push({ event: { seq: `${seq}`, leaf: base64(leaf) } });
      for (; next < Math.min(to, Number(event.header.size)); next += 1) {
        const index = `${next}`;
        if (content) lines.push({ entry: { index, payload: base64(this.entries[next]!) } });
        else lines.push({ leaf: { index, hash: toHex(leaves[next]!) } });
      }
    }
    lines.push({ end: { entries: `${to - from}`, events: `${last + 1 - first}` } });
    return lines.map((line) => JSON.stringify(line));
  }

  consistency = async ({ log, first, second }: ConsistencyRequest): Promise<ReadonlyUint8Array[]> => {
    const leaves = log === 'entries' ? this.leaves() : this.eventLeaves();
    return naiveConsistency(Number(first.size), leaves.slice(0, Number(second.size)));
  };
}

let node: Node;
let authority: KeyPairSigner;

before(async () => {
  node = await Node.start();
  authority = await node.newWallet();
});

after(() => node.stop());

async function createJournal(): Promise<Journal> {
  const create = await program.getCreateLedgerInstructionAsync({
    payer: authority,
    creator: authority,
    id: crypto.getRandomValues(new Uint8Array(32)),
    flags: LedgerFlag.SubtreesAllowed,
  });
  const events = await node.send(authority, create);
  assert.deepEqual(
    events.map(({ event }) => event.name),
    ['LedgerCreated'],
  );
  const journal = new Journal(events[0]!.event.header.ledger, await node.rpc.getGenesisHash().send());
  assert.equal(journal.address, create.accounts[2].address);
  journal.events.push(...events);
  return journal;
}

/** Appends entries as they are, and expects the event that says so. */
async function append(journal: Journal, texts: string[], signer = authority, writer?: Address): Promise<void> {
  const entries = texts.map(utf8);
  const instruction = program.getAppendInstruction({
    appender: signer,
    ledger: journal.address,
    ...(writer && { writer }),
    expectedSize: BigInt(journal.entries.length),
    entries,
  });
  const events = await node.send(signer, instruction);
  journal.entries.push(...entries);
  journal.events.push(...events);
  const { event } = events[0]!;
  assert.ok(event.name === 'EntriesAppended' && events.length === 1);
  assert.deepEqual(event.entries.map(String), entries.map(String));
  assert.deepEqual([event.header.signer, event.header.size], [signer.address, BigInt(journal.entries.length)]);
}

/** The account says what the journal's entries and events give. */
async function expectAccount(journal: Journal) {
  const { account, slot } = await fetchLedgerAccount(node.rpc, journal.address);
  assert.ok(slot > 0n);
  const head = (leaves: Uint8Array[]) => ({ size: BigInt(leaves.length), root: String(naiveRoot(leaves)) });
  const plain = ({ size, root }: TreeHead) => ({ size, root: String(root) });
  assert.deepEqual(plain(account.entries), head(journal.leaves()));
  assert.deepEqual(plain(account.events), head(journal.eventLeaves()));
  return account;
}

/** The program's own refusal, by its code. */
async function expectRefusal(sent: Promise<unknown>, code: program.CounterfoilError): Promise<void> {
  await assert.rejects(sent, (error) => {
    const transaction = { instructions: { 0: { programAddress: program.COUNTERFOIL_PROGRAM_ADDRESS } } };
    for (let cause = error; isSolanaError(cause); cause = cause.cause) {
      if (program.isCounterfoilError(cause, transaction, code)) return true;
    }
    throw error;
  });
}

test('all instructions of a ledger, its account, and proofs from its entries', async () => {
  const journal = await createJournal();
  const ledger = journal.address;
  await append(journal, ['first', 'second']);

  const writer = await node.newWallet();
  const [grant] = await program.findWriterPda({ ledger, wallet: writer.address });
  const never = 2n ** 63n - 1n;
  const granting = { payer: authority, authority, ledger, wallet: writer.address };
  journal.events.push(
    ...(await node.send(
      authority,
      await program.getGrantWriterInstructionAsync({
        ...granting,
        permissions: Permission.Append | Permission.AppendSubtrees,
        expiresAt: never,
      }),
    )),
  );
  await append(journal, ['third'], writer, grant);

  const batch = Array.from({ length: 1000 }, (_, number) => utf8(`batch ${number}`));
  const leaves = batch.map(naiveLeaf);
  let next = 0;
  const hashes = [...subtrees(3n, 1003n)].map(({ level }) => naiveRoot(leaves.slice(next, (next += 2 ** level))));
  const appending = { appender: writer, ledger, writer: grant, expectedSize: 3n, leaves: 1000n, hashes };
  journal.events.push(...(await node.send(writer, program.getAppendSubtreesInstruction(appending))));
  journal.entries.push(...batch);
  const account = await expectAccount(journal);
  assert.deepEqual([account.leavesBySubtree, account.headsWritten, account.authority], [1000n, 3n, authority.address]);

  // The proof, from the entries, leads to the root that the account's frontier gives; to another entry's it does not.
  const index = 517;
  const leafHash = hashLeaf(journal.entries[index]!);
  const proof = naiveProof(index, journal.leaves());
  const claim = { head: account.entries, index: BigInt(index), leafHash, proof };
  verifyInclusion(claim);
  assert.throws(() => verifyInclusion({ ...claim, leafHash: hashLeaf(utf8('forged')) }), { code: 'root_mismatch' });

  // The program says the same of both.
  const asked = { ledger, index: claim.index, target: program.proofTarget('CurrentHead'), proof };
  assert.deepEqual(await node.send(writer, program.getVerifyInclusionInstruction({ ...asked, leafHash })), []);
  await expectRefusal(
    node.send(writer, program.getVerifyInclusionInstruction({ ...asked, leafHash: hashLeaf(utf8('forged')) })),
    program.COUNTERFOIL_ERROR__NOT_PROVEN,
  );

  const revoke = program.getRevokeWriterInstruction({ authority, ledger, writer: grant });
  journal.events.push(...(await node.send(authority, revoke)));
  const heir = await node.newWallet();
  const propose = { authority, ledger, pendingAuthority: heir.address };
  journal.events.push(...(await node.send(authority, program.getProposeAuthorityInstruction(propose))));
  assert.equal((await expectAccount(journal)).pendingAuthority, heir.address);
  const accept = program.getAcceptAuthorityInstruction({ pendingAuthority: heir, ledger });
  journal.events.push(...(await node.send(heir, accept)));
  const disallow = program.getDisallowSubtreesInstruction({ authority: heir, ledger });
  journal.events.push(...(await node.send(heir, disallow)));
  const seal = program.getSealLedgerInstruction({ authority: heir, ledger, expectedSize: 1003n });
  journal.events.push(...(await node.send(heir, seal)));
  const sealed = await expectAccount(journal);
  assert.deepEqual([sealed.authority, sealed.pendingAuthority], [heir.address, null]);
  assert.equal(sealed.flags, LedgerFlag.Sealed);
  await expectRefusal(append(journal, ['late'], heir), program.COUNTERFOIL_ERROR__SEALED);
  await expectAccount(journal);
});

/** Asks the node, and whatever else is said. */
function confirm(given: Receipt, options: Partial<ConfirmOptions> = {}) {
  return confirmReceipt(verifyReceipt(given), { servers: [node.url], ...options });
}

async function refuse(given: Receipt, code: string, options?: Partial<ConfirmOptions>): Promise<void> {
  await assert.rejects(confirm(given, options), (error) => {
    if (error instanceof ConfirmationError && error.code === code) return true;
    throw error;
  });
}

/** By which bridges the one server confirms a receipt: of the entry, of the event. */
async function bridges(given: Receipt, options?: Partial<ConfirmOptions>): Promise<ServerConfirmation['entryBy'][]> {
  const { confirmed } = await confirm(given, options);
  assert.equal(confirmed.length, 1);
  return [confirmed[0]!.entryBy, confirmed[0]!.eventBy];
}

test('a receipt is confirmed while its ledger grows, a forged one refused', async () => {
  const journal = await createJournal();
  await append(journal, ['one', 'two', 'three']);
  const [receipt, v1] = [journal.receipt(1), journal.receiptV1(1)];
  for (const given of [receipt, v1]) {
    const verified = verifyReceipt(parseReceipt(formatReceipt(given)));
    assert.deepEqual(verified.receipt, given);
    assert.equal(verified.event.header.signer, authority.address);
    const { confirmed, refused } = await confirm(given);
    assert.deepEqual([confirmed.map(({ server }) => server), refused], [[new URL(node.url).host], []]);
    assert.deepEqual([confirmed[0]!.entryBy, confirmed[0]!.eventBy], ['ring', 'ring']);
  }

  // Entries are covered by the account's ring, events need a proof; it is not trusted.
  await append(journal, ['four']);
  const { consistency } = journal;
  for (const given of [receipt, v1]) {
    await refuse(given, 'proof_needed');
    assert.deepEqual(await bridges(given, { consistency }), ['ring', 'consistency']);
    const forged = async (request: ConsistencyRequest) => (await consistency(request)).map(hashLeaf);
    await refuse(given, 'contradiction', { consistency: forged });
    await refuse(given, 'proof_needed', { consistency: () => Promise.reject(new Error('the API is down')) });
  }
  const within = journal.receipt(1, 3);
  assert.deepEqual(await bridges(within), ['ring', 'ring']);
  assert.deepEqual(await bridges(journal.receiptV1(1, 3)), ['ring', 'ring']);

  // A log of the forger's own that fits the true event, as large as the chain's, larger.
  const fork = (entries: string[]): Journal => {
    const other = new Journal(journal.address, journal.genesisHash);
    other.entries.push(...journal.entries.slice(0, 3), ...entries.map(utf8));
    other.events.push(...journal.events);
    return other;
  };
  await refuse(fork(['4']).receipt(1), 'contradiction');
  await refuse(fork(['4']).receiptV1(1), 'contradiction');
  await refuse(fork(['4', '5']).receiptV1(1), 'stale');
  // The head that the event states is the chain's, whatever the bridge leads to.
  assert.deepEqual(await bridges(fork(['4', '5']).receipt(1)), ['ring', 'ring']);
  for (const given of [receipt, v1]) {
    const swapped = { ...given, entry: { ...given.entry, payload: utf8('TWO') } };
    assert.throws(() => verifyReceipt(swapped), { name: 'ReceiptError', code: 'entry' });
  }

  // Another cluster, another program, another account, servers that do not answer.
  await refuse({ ...within, genesisHash: journal.address as string as Receipt['genesisHash'] }, 'wrong_cluster');
  await refuse({ ...within, program: journal.address }, 'wrong_program');
  await refuse(within, 'wrong_program', { program: authority.address });
  await refuse(within, 'bad_quorum', { quorum: 2 });
  await refuse(within, 'bad_quorum', { servers: [] });
  await refuse(within, 'bad_quorum', { servers: [node.url, node.url], quorum: 2 });
  const again = new URL(node.url);
  await refuse(within, 'bad_quorum', {
    servers: [node.url, again.origin, `${again.origin}/#x`, `${again.origin}/?`],
    quorum: 2,
  });
  for (const text of ['', 'localhost:8899', 'ftp://localhost']) {
    await refuse(within, 'bad_server', { servers: [text] });
  }
  const silent = 'http://127.0.0.1:9';
  await refuse(within, 'no_answer', { servers: [node.url, silent] });
  const one = await confirm(within, { servers: [silent, node.url], quorum: 1 });
  assert.deepEqual([one.confirmed.length, one.refused.map(({ error }) => error.action)], [1, ['retry']]);
  await assert.rejects(fetchLedgerAccount(node.rpc, authority.address), { code: 'wrong_owner' });
  assert.deepEqual(await commitmentsAsked(verifyReceipt(within)), ['finalized']);
  // One server that contradicts is not outvoted.
  const cluster = { result: journal.address };
  const otherRoot = (answer: AccountAnswer) => {
    const data = Buffer.from(answer.result.value.data[0], 'base64');
    data[RING_OFFSET + 8]! ^= 1;
    answer.result.value.data[0] = data.toString('base64');
    return answer;
  };
  const liars = {
    wrong_cluster: lyingServer('getGenesisHash', () => cluster),
    contradiction: lyingServer('getAccountInfo', otherRoot),
  };
  for (const [code, liar] of Object.entries(liars))
    await refuse(within, code, { servers: [node.url, liar], quorum: 1 });
  const { address: nowhere } = await generateKeyPairSigner();
  await assert.rejects(fetchLedgerAccount(node.rpc, nowhere), { code: 'missing' });
});

test('a receipt without a bridge is confirmed by the transaction that holds its event', async () => {
  const journal = await createJournal();
  await append(journal, ['one', 'two', 'three']);
  const { bridge: _, ...bare } = journal.receipt(1);
  const { transaction: __, ...nameless } = bare;
  const releasedPrograms = [
    readFileSync(projectPath('programs/counterfoil/release/counterfoil.so.sha256'), 'utf8').slice(0, 64),
  ];
  const { slot } = journal.events[1]!.event.header;
  await node.finalize(slot);
  await refuse(bare, 'proof_needed');
  // By the transaction's name, and by the block of its slot.
  for (const given of [bare, nameless]) {
    assert.deepEqual(await bridges(given, { releasedPrograms }), ['ring', 'transaction']);
  }
  const early = [journal.receipt(1), journal.receiptV1(1)];
  for (let number = 0; number < 17; number += 1) await append(journal, [`later ${number}`]);
  for (const given of [bare, nameless, ...early]) {
    assert.deepEqual(await bridges(given, { releasedPrograms }), ['transaction', 'transaction']);
  }
  // Where the account shows it, that is what is said.
  const { consistency } = journal;
  assert.deepEqual(await bridges(early[0]!, { releasedPrograms, consistency }), ['consistency', 'consistency']);
  assert.deepEqual(await bridges(bare, { releasedPrograms, consistency }), ['consistency', 'transaction']);
  // The event states another head than this one.
  await refuse(journal.receiptV1(1, 4), 'proof_needed', { releasedPrograms });

  // Another signer, another time, another slot: the transaction does not say so.
  for (const byte of [50, 56, 64]) {
    const leaf = Uint8Array.from(bare.event.leaf);
    leaf[byte]! ^= 1;
    const event = { ...bare.event, leaf };
    await refuse({ ...bare, event }, 'event_missing', { releasedPrograms });
    await refuse({ ...nameless, event }, byte === 50 ? 'no_transaction' : 'event_missing', { releasedPrograms });
  }
  const another = journal.events[0]!.signature;
  await refuse({ ...bare, transaction: another }, 'event_missing', { releasedPrograms });

  const lies = (method: string, alter: (answer: never) => unknown) => ({
    releasedPrograms,
    servers: [lyingServer(method, alter)],
  });
  const nothing = (answer: { result: unknown }) => ({ ...answer, result: null });
  await refuse(bare, 'no_transaction', lies('getTransaction', nothing));
  await refuse(nameless, 'no_transaction', lies('getBlock', nothing));
  const failed = (answer: TransactionAnswer) => {
    answer.result.meta.err = { InstructionError: [0, { Custom: 6000 }] };
    return answer;
  };
  await refuse(bare, 'event_missing', lies('getTransaction', failed));
  const elsewhere = (answer: TransactionAnswer) => {
    const { meta, transaction } = answer.result;
    // The event authority is the account that the program's own call names.
    const [inner] = meta.innerInstructions[0]!.instructions.slice(-1);
    transaction.message.accountKeys[inner!.accounts[0]!] = authority.address;
    return answer;
  };
  await refuse(bare, 'event_missing', lies('getTransaction', elsewhere));
  const silent = (answer: TransactionAnswer) => {
    const { innerInstructions: _, ...meta } = answer.result.meta;
    return { ...answer, result: { ...answer.result, meta } };
  };
  await refuse(bare, 'no_transaction', lies('getTransaction', silent));

  // The program: one that the reader does not know, and one that was put there since.
  await refuse(bare, 'unknown_program', { releasedPrograms: [] });
  await refuse(bare, 'unknown_program', { releasedPrograms: ['00'.repeat(32)] });
  const deployed = (slot: bigint) => (answer: AccountAnswer) => {
    const data = Buffer.from(answer.result.value.data[0], 'base64');
    if (data.readUInt32LE(0) === 3) data.writeBigUInt64LE(slot, 4);
    answer.result.value.data[0] = data.toString('base64');
    return answer;
  };
  await refuse(bare, 'program_changed', lies('getAccountInfo', deployed(slot)));
  await confirm(bare, lies('getAccountInfo', deployed(slot - 1n)));
});

test('evidence is confirmed as a receipt is, and says which of its events are shown', async () => {
  const journal = await createJournal();
  await append(journal, ['one', 'two', 'three']);
  await append(journal, ['four']);
  await append(journal, ['five', 'six']);
  const shown = async (lines: string[], options: Partial<ConfirmOptions> = {}) => {
    const { confirmed } = await confirmEvidence(await verifyEvidence(lines), { servers: [node.url], ...options });
    return confirmed.map(({ entryBy, eventBy, eventsShown }) => [entryBy, eventBy, eventsShown]);
  };
  const refused = async (lines: string[], code: string, options?: Partial<ConfirmOptions>) => {
    await assert.rejects(shown(lines, options), { name: 'ConfirmationError', code });
  };
  const [several, one] = [journal.evidence(1, 5, { content: true }), journal.evidence(3, 4)];
  const nameless = journal.evidence(0, 6, { isNamed: false });
  for (const lines of [several, one, nameless]) assert.deepEqual(await shown(lines), [['ring', 'ring', 'all']]);

  // A log of the forger's own, under true events.
  const fork = new Journal(journal.address, journal.genesisHash);
  fork.entries.push(...journal.entries.slice(0, 5), utf8('SIX'));
  fork.events.push(...journal.events);
  const headers = fork.evidence(1, 4, { content: true });
  await refused(headers, 'contradiction');
  await assert.rejects(verifyEvidence(fork.evidence(1, 6)), { name: 'EvidenceError', code: 'head_mismatch' });
  await refused(several, 'wrong_program', { program: journal.address });

  for (let number = 0; number < 17; number += 1) await append(journal, [`later ${number}`]);
  await refused(several, 'proof_needed');
  const { consistency } = journal;
  assert.deepEqual(await shown(several, { consistency }), [['consistency', 'consistency', 'all']]);
  // The transaction shows the entries, and the last event alone.
  const releasedPrograms = [
    readFileSync(projectPath('programs/counterfoil/release/counterfoil.so.sha256'), 'utf8').slice(0, 64),
  ];
  await node.finalize(journal.events.at(-1)!.event.header.slot);
  for (const lines of [several, nameless]) {
    assert.deepEqual(await shown(lines, { releasedPrograms }), [['transaction', 'transaction', 'last']]);
  }
  assert.deepEqual(await shown(one, { releasedPrograms }), [['transaction', 'transaction', 'all']]);
  await refused(several, 'unknown_program', { releasedPrograms: [] });
});

interface TransactionAnswer {
  result: {
    meta: { err: unknown; innerInstructions: { instructions: { accounts: number[] }[] }[] };
    transaction: { message: { accountKeys: string[] } };
  };
}

interface AccountAnswer {
  result: { value: { data: [string, string] } };
}

/** Where the first head of the account's ring stands: its size, then its root. */
const RING_OFFSET = 3280;

/** The node, but what it answers to one method is altered. */
function lyingServer<Answer>(lied: string, alter: (answer: Answer) => unknown): Server {
  const transport = createDefaultRpcTransport({ url: node.url });
  const lying = async (request: Parameters<RpcTransport>[0]) => {
    const answer = await transport<Answer>(request);
    return (request.payload as { method: string }).method === lied ? alter(answer) : answer;
  };
  return { name: `lies about ${lied}`, rpc: createSolanaRpcFromTransport(lying as RpcTransport) };
}

/** The commitments with which a confirmation asks for accounts; kit leaves the servers' default out. */
async function commitmentsAsked(receipt: VerifiedReceipt): Promise<string[]> {
  const asked: string[] = [];
  const transport = createDefaultRpcTransport({ url: node.url });
  const watched: RpcTransport = (request) => {
    const { method, params } = request.payload as { method: string; params: [string, { commitment?: string }] };
    if (method === 'getAccountInfo') asked.push(params[1].commitment ?? 'finalized');
    return transport(request);
  };
  await confirmReceipt(receipt, { servers: [{ name: 'watched', rpc: createSolanaRpcFromTransport(watched) }] });
  return asked;
}

/** Serves a ledger's consistency proofs as an API does. While it is behind, it has none. */
async function serveConsistency(journal: Journal) {
  const served = { url: '', asked: 0, behind: 0, close: () => server.close() };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://api');
    assert.equal(pathname, `/v1/ledgers/${journal.address}/consistency`);
    if (served.behind > 0) {
      served.behind -= 1;
      response.statusCode = 404;
      return response.end(JSON.stringify({ code: 'size_out_of_range' }));
    }
    const head = (name: string) => ({ size: BigInt(searchParams.get(name)!), root: new Uint8Array(32) });
    const log = searchParams.get('log') as ConsistencyRequest['log'];
    const wanted = { ledger: journal.address, log, first: head('first'), second: head('second') };
    return journal.consistency(wanted).then((proof) => {
      served.asked += 1;
      response.end(JSON.stringify({ proof: proof.map((hash) => Buffer.from(hash).toString('hex')) }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return served;
}

test("the README's examples run as they stand there", async (context) => {
  const journal = await createJournal();
  const folder = insidePackage('examples');
  // The last one is run over a gateway, in gateway.chain.test.ts.
  assert.equal(writeExamples(folder).length, 4);
  const { privateKey } = authority.keyPair;
  const jwk = await crypto.subtle.exportKey('jwk', privateKey);
  const key = [...Buffer.from(jwk.d!, 'base64url'), ...Buffer.from(jwk.x!, 'base64url')];
  writeFileSync(join(folder, 'wallet.json'), JSON.stringify(key));
  const api = await serveConsistency(journal);
  context.after(() => api.close());
  const run = async (number: number) => {
    const env = { ...process.env, COUNTERFOIL_RPC: node.url, COUNTERFOIL_API: api.url, LEDGER: journal.address };
    return (await promisify(execFile)(process.execPath, [`${number}.mjs`], { cwd: folder, env })).stdout.trim();
  };

  const signature = await run(0);
  journal.events.push(...(await node.eventsOf(signature as Parameters<Node['eventsOf']>[0])));
  const { event } = journal.events[1]!;
  assert.ok(event.name === 'EntriesAppended');
  journal.entries.push(...event.entries);
  await expectAccount(journal);

  writeFileSync(join(folder, 'receipt.json'), formatReceipt(journal.receipt(0)));
  const confirmed = new RegExp(`^${authority.address} appended {"invoice": 17} in slot [0-9]+: 1 of 1 servers`);
  assert.match(await run(1), confirmed);
  const evidence = journal.evidence(0, 1, { content: true });
  writeFileSync(join(folder, 'evidence.jsonl'), `${evidence.join('\n')}\n`);
  assert.equal(await run(2), 'entries 0 up to 1, all their events: 1 of 1 servers confirm them');
  writeFileSync(join(folder, 'evidence.jsonl'), evidence.slice(0, -1).join('\n'));
  await assert.rejects(run(2), /EvidenceError: the evidence has no last line/);
  // An old receipt is confirmed still when the ledger has grown.
  const old = formatReceipt(journal.receipt(0));
  await append(journal, ['later']);
  writeFileSync(join(folder, 'receipt.json'), old);
  api.behind = 1;
  assert.match(await run(1), confirmed);
  assert.ok(api.asked > 0 && api.behind === 0);
  writeFileSync(
    join(folder, 'receipt.json'),
    formatReceipt(journal.receipt(0)).replace(/"payload": "./, '"payload": "A'),
  );
  await assert.rejects(run(1), /ReceiptError: the entry is not in the log/);
});
