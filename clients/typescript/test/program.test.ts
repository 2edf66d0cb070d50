import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { address, createNoopSigner, getBase58Decoder, isSignerRole, isWritableRole } from '@solana/kit';
import type { AccountMeta, Address, Instruction, ReadonlyUint8Array } from '@solana/kit';

import {
  AccountError,
  decodeEvent,
  decodeEventLeaf,
  decodeLedgerAccount,
  EVENT_TAG,
  EventError,
  eventKind,
  eventLeaf,
  hashLeaf,
  readEvents,
  type EventName,
  type ExecutedTransaction,
} from '../src/index.js';
import * as program from '../src/generated/index.js';
import { fromHex, projectPath, readVectors, toHex } from './support.js';

interface Arguments {
  id: string;
  flags: number;
  expected_size: string | null;
  entries: string[];
  leaves: string;
  hashes: string[];
  wallet: string;
  permissions: number;
  expires_at: string;
  pending_authority: string;
  leaf_hash: string;
  index: string;
  target: 'current_head' | 'peak' | { kept_head: { size: string } };
  proof: string[];
}

interface Step {
  instruction: string;
  arguments: Arguments;
  accounts: { address: string; signer: boolean; writable: boolean }[];
  data: string;
  event: { data: string; leaf: string; leaf_hash: string; header: Record<string, string> } | null;
  account: { data: string; fields: Record<string, string | number | null> } | null;
}

interface ProgramVectors {
  program: string;
  event_authority: string;
  ledger: { address: string; creator: string; id: string };
  writer: { address: string; data: string; fields: Record<string, string | number> };
  steps: Step[];
}

const vectors = readVectors<ProgramVectors>('program');
const idl = JSON.parse(readFileSync(projectPath('idls/counterfoil.json'), 'utf8')) as {
  instructions: { name: string }[];
  events: { name: EventName; discriminator: number[] }[];
};
const emitted = vectors.steps.flatMap(({ event }) => event ?? []);
const accounts = vectors.steps.flatMap(({ account }) => account ?? []);

/** Builds a step's instruction by the generated builder, from the arguments and the accounts that it cannot know. */
async function build({ instruction, arguments: args, accounts }: Step): Promise<Instruction> {
  const at = (index: number) => address(accounts[index]!.address);
  const signer = (index: number) => createNoopSigner(at(index));
  const writerAt = (index: number) => (at(index) === program.COUNTERFOIL_PROGRAM_ADDRESS ? {} : { writer: at(index) });
  switch (instruction) {
    case 'create_ledger':
      return program.getCreateLedgerInstructionAsync({
        payer: signer(0),
        creator: signer(1),
        id: fromHex(args.id),
        flags: args.flags,
      });
    case 'grant_writer':
      return program.getGrantWriterInstructionAsync({
        payer: signer(0),
        authority: signer(1),
        ledger: at(2),
        wallet: address(args.wallet),
        permissions: args.permissions,
        expiresAt: BigInt(args.expires_at),
      });
    case 'append':
      return program.getAppendInstruction({
        appender: signer(0),
        ledger: at(1),
        ...writerAt(2),
        expectedSize: args.expected_size === null ? null : BigInt(args.expected_size),
        entries: args.entries.map(fromHex),
      });
    case 'append_subtrees':
      return program.getAppendSubtreesInstruction({
        appender: signer(0),
        ledger: at(1),
        ...writerAt(2),
        expectedSize: BigInt(args.expected_size!),
        leaves: BigInt(args.leaves),
        hashes: args.hashes.map(fromHex),
      });
    case 'verify_inclusion':
      return program.getVerifyInclusionInstruction({
        ledger: at(0),
        leafHash: fromHex(args.leaf_hash),
        index: BigInt(args.index),
        target: proofTarget(args.target),
        proof: args.proof.map(fromHex),
      });
    case 'revoke_writer':
      return program.getRevokeWriterInstruction({ authority: signer(0), ledger: at(1), writer: at(2) });
    case 'propose_authority':
      return program.getProposeAuthorityInstruction({
        authority: signer(0),
        ledger: at(1),
        pendingAuthority: address(args.pending_authority),
      });
    case 'accept_authority':
      return program.getAcceptAuthorityInstruction({ pendingAuthority: signer(0), ledger: at(1) });
    case 'disallow_subtrees':
      return program.getDisallowSubtreesInstruction({ authority: signer(0), ledger: at(1) });
    case 'seal_ledger':
      return program.getSealLedgerInstruction({
        authority: signer(0),
        ledger: at(1),
        expectedSize: BigInt(args.expected_size!),
      });
    default:
      throw new Error(`no builder for ${instruction}`);
  }
}

function proofTarget(target: Arguments['target']): program.ProofTargetArgs {
  if (typeof target === 'object') return program.proofTarget('KeptHead', { size: BigInt(target.kept_head.size) });
  return { __kind: target === 'peak' ? 'Peak' : 'CurrentHead' };
}

test('builders give the bytes and the accounts of the shared instructions', async () => {
  for (const step of vectors.steps) {
    const built = await build(step);
    assert.equal(built.programAddress, vectors.program);
    assert.equal(toHex(built.data!), step.data, step.instruction);
    assert.deepEqual(built.accounts!.map(plain), step.accounts, step.instruction);
  }
  const names = new Set(vectors.steps.map(({ instruction }) => instruction));
  assert.deepEqual([...names].sort(), idl.instructions.map(({ name }) => name).sort());
});

function plain({ address, role }: AccountMeta): Step['accounts'][number] {
  return { address, signer: isSignerRole(role), writable: isWritableRole(role) };
}

test('addresses are derived as the shared ones', async () => {
  const creator = address(vectors.ledger.creator);
  const [ledger] = await program.findLedgerPda({ creator, id: fromHex(vectors.ledger.id) });
  assert.equal(ledger, vectors.ledger.address);
  const wallet = address(String(vectors.writer.fields['wallet']));
  const [writer, bump] = await program.findWriterPda({ ledger, wallet });
  assert.deepEqual([writer, bump], [vectors.writer.address, vectors.writer.fields['bump']]);
});

test('the shared grant is read', () => {
  const { discriminator, ...grant } = program.getWriterDecoder().decode(fromHex(vectors.writer.data));
  assert.deepEqual(discriminator, program.WRITER_DISCRIMINATOR);
  const { expires_at, ...fields } = vectors.writer.fields;
  assert.deepEqual({ ...grant }, { ...fields, expiresAt: BigInt(expires_at!) });
});

test('kinds of events are those of the IDL', () => {
  for (const { name, discriminator } of idl.events) assert.deepEqual([...eventKind(name)], discriminator, name);
  assert.equal(toHex(EVENT_TAG), 'e445a52e51cb9a1d');
});

test('events are read as the shared ones, and their leaves', () => {
  const names = new Set<string>();
  for (const { data, leaf, leaf_hash, header } of emitted) {
    const bytes = fromHex(data).slice(EVENT_TAG.length);
    assert.equal(data.slice(0, 16), toHex(EVENT_TAG));
    assert.equal(toHex(eventLeaf(bytes)), leaf);
    assert.equal(toHex(hashLeaf(eventLeaf(bytes))), leaf_hash);
    const event = decodeEvent(bytes);
    assert.deepEqual(snakeCase(event.header), header);
    const expected = event.name === 'EntriesAppended' ? { ...event, entries: [] } : event;
    assert.deepEqual(decodeEventLeaf(fromHex(leaf)), expected);
    names.add(event.name);
  }
  assert.deepEqual([...names].sort(), idl.events.map(({ name }) => name).sort());
});

test('bodies of events say what the instructions did', () => {
  for (const { instruction, arguments: args, event, accounts } of vectors.steps) {
    if (event === null) continue;
    const { name, header, ...body } = decodeEvent(fromHex(event.data).slice(EVENT_TAG.length));
    const before = address(vectors.ledger.creator);
    const expected: Record<string, object> = {
      create_ledger: { id: fromHex(args.id ?? ''), flags: args.flags },
      grant_writer: { wallet: args.wallet, permissions: args.permissions, expiresAt: BigInt(args.expires_at ?? 0) },
      append: { entries: (args.entries ?? []).map(fromHex) },
      append_subtrees: { hashes: (args.hashes ?? []).map(fromHex) },
      revoke_writer: { wallet: vectors.writer.fields['wallet'] },
      propose_authority: { pendingAuthority: args.pending_authority },
      accept_authority: { previousAuthority: before },
      disallow_subtrees: {},
      seal_ledger: {},
    };
    assert.deepEqual(withPlainBytes(body), withPlainBytes(expected[instruction]!), name);
    assert.ok(accounts.some(({ address, signer }) => signer && address === header.signer));
  }
});

test('an event that is cut, lengthened, of another kind or out of range is refused', () => {
  for (const { data } of emitted) {
    const bytes = fromHex(data).slice(EVENT_TAG.length);
    for (let end = 0; end < bytes.length; end += 1) {
      assert.throws(() => decodeEvent(bytes.slice(0, end)), hasCode('truncated'), `${end} of ${bytes.length} bytes`);
    }
    assert.throws(() => decodeEvent(Uint8Array.of(...bytes, 0)), hasCode('trailing_bytes'));
    assert.throws(() => decodeEvent(altered(bytes, 0)), hasCode('unknown_kind'));
    // The seventh byte of a number is worth 2^48.
    for (const number of [8 + 32, 8 + 88, 8 + 104]) {
      assert.throws(() => decodeEvent(altered(bytes, number + 6)), hasCode('out_of_range'));
      assert.throws(() => decodeEventLeaf(altered(eventLeaf(bytes), number + 6)), hasCode('out_of_range'));
    }
  }
});

test('an event is one only from the program, signed by its event authority, in a transaction that succeeded', async () => {
  const data = getBase58Decoder().decode(fromHex(emitted[0]!.data));
  const accountKeys = ['ledger', 'event_authority', 'program'].map((name) =>
    address(name === 'ledger' ? vectors.ledger.address : String(vectors[name as 'event_authority' | 'program'])),
  );
  const read = async (inner: { accounts?: number[]; data?: string; programIdIndex?: number }, err: unknown = null) => {
    const instructions = [{ accounts: [1], data, programIdIndex: 2, ...inner }];
    return (await readEvents(transaction(accountKeys, instructions, err))).length;
  };
  assert.equal(await read({}), 1);
  assert.equal(await read({}, { InstructionError: [0, 'Custom'] }), 0);
  assert.equal(await read({ programIdIndex: 0 }), 0);
  assert.equal(await read({ accounts: [0] }), 0);
  assert.equal(await read({ accounts: [] }), 0);
  assert.equal(await read({ accounts: [0, 1] }), 0);
  assert.equal(await read({ data: getBase58Decoder().decode(altered(fromHex(emitted[0]!.data), 0)) }), 0);
  await assert.rejects(read({ data: getBase58Decoder().decode(EVENT_TAG) }), hasCode('truncated'));
  const silent = { ...transaction(accountKeys, [], null), meta: { err: null, innerInstructions: null } };
  await assert.rejects(readEvents(silent), hasCode('no_inner_instructions'));
  // The same, its accounts from a lookup table: writable before read-only.
  const [ledger, authority, self] = accountKeys as [Address, Address, Address];
  const instructions = [{ accounts: [1], data, programIdIndex: 2 }];
  const loaded = transaction([ledger], instructions, null, { writable: [authority], readonly: [self] });
  assert.equal((await readEvents(loaded)).length, 1);
});

function transaction(
  accountKeys: Address[],
  instructions: { accounts: number[]; data: string; programIdIndex: number }[],
  err: unknown,
  loadedAddresses = { writable: [] as Address[], readonly: [] as Address[] },
): ExecutedTransaction {
  return {
    meta: { err, innerInstructions: [{ instructions }], loadedAddresses },
    transaction: { message: { accountKeys } },
  };
}

test('accounts are read as the shared ones', () => {
  for (const { data, fields } of accounts) {
    const { entries, events, ...account } = decodeLedgerAccount(fromHex(data));
    assert.deepEqual(fields, {
      flags: account.flags,
      authority: account.authority,
      pending_authority: account.pendingAuthority,
      size: String(entries.size),
      root: toHex(entries.root),
      leaves_by_subtree: String(account.leavesBySubtree),
      event_seq: String(events.size),
      event_root: toHex(events.root),
      heads_written: String(account.headsWritten),
      appended_slot: String(account.appendedSlot),
      appended_time: String(account.appendedTime),
    });
    assert.deepEqual([account.creator, toHex(account.id)], [vectors.ledger.creator, vectors.ledger.id]);
    assert.equal(BigInt(account.heads.length), account.headsWritten);
    const newest = account.heads.at(-1);
    if (newest !== undefined) assert.deepEqual([newest.size, toHex(newest.root)], [entries.size, toHex(entries.root)]);
  }
});

test('an account of another length, kind, layout, or that contradicts itself is refused', () => {
  const data = fromHex(accounts.at(-1)!.data);
  const refuse = (bytes: Uint8Array, code: string) =>
    assert.throws(() => decodeLedgerAccount(bytes), hasCode(code), code);
  refuse(data.slice(1), 'wrong_length');
  refuse(Uint8Array.of(...data, 0), 'wrong_length');
  refuse(altered(data, 0), 'not_a_ledger');
  refuse(altered(data, 8), 'unknown_version');
  for (const size of [144, 160, 3280]) refuse(altered(data, size + 6), 'out_of_range');
  // Ten leaves: slots 1 and 3 of the frontier are needed, slot 0 is not.
  refuse(altered(data, 208), 'inconsistent');
  refuse(altered(data, 144), 'inconsistent');
  refuse(altered(data, 1744 + 47 * 32), 'inconsistent');
});

/** One bit of one byte. */
function altered(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => (error instanceof EventError || error instanceof AccountError) && error.code === code;
}

/** Header fields as the vectors write them. */
function snakeCase(header: program.EventHeader): Record<string, string> {
  const text = (value: bigint | string | ReadonlyUint8Array) =>
    typeof value === 'object' ? toHex(value) : String(value);
  const name = (field: string) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(header).map(([field, value]) => [name(field), text(value)]));
}

/** Node's Buffers and plain arrays of bytes are the same to a comparison then. */
function withPlainBytes(value: object): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, field: unknown) => {
      if (typeof field === 'bigint') return String(field);
      return field instanceof Uint8Array ? toHex(field) : field;
    }),
  );
}
