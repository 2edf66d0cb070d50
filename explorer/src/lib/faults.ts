/** The errors of a transaction, in words. */

import { shown } from './text';

/** The program's own, from 6000 on, as docs/protocol.md has them. */
const PROGRAM = [
  'this key may not append: it is not the authority, it has no grant, and the ledger is not open',
  "this key's grant has ended",
  "this key's grant does not permit it",
  "the grant is another ledger's or another wallet's",
  "only the ledger's authority may do this",
  'the ledger is sealed',
  'the ledger has another number of entries by now: somebody appended in between',
  'an append needs an entry',
  'an entry has 1 to 65,535 bytes',
  'one append carries at most 4,096 bytes',
  'the log is full',
  'a flag is unknown',
  'the permissions are unknown',
  'the end of the grant is in the past',
  "the ledger's account breaks its invariant: this is a fault of the program",
  'the ledger takes no subtrees',
  'the count of hashes is wrong',
  'a hash is zero',
  'only the wallet to which the authority was offered may accept it',
];
/** Anchor's, as far as this page's instructions meet them. */
const ACCOUNTS: Record<number, string> = {
  2006: 'an account is not at the address that belongs to it',
  3002: 'an account is of another kind',
  3007: "an account is another program's",
  3012: 'the grant is not there, or no more',
};
const RUNTIME: Record<string, string> = {
  AccountNotFound: 'the key that pays has no SOL on this chain',
  InsufficientFundsForFee: 'the key that pays has too little SOL for the fee',
  InsufficientFundsForRent: 'the key that pays has too little SOL for the rent',
  BlockhashNotFound: 'its blockhash is too old, for the wallet took long. Begin again',
  AlreadyProcessed: 'it is in the chain already',
  SignatureFailure: 'its signature does not hold',
  ProgramAccountNotFound: 'the program is not on this chain',
};

/** An error as a server states it, in words, with the code that it has. */
export function fault(error: any): string {
  const [, inner] = Array.isArray(error?.InstructionError) ? error.InstructionError : [0, null];
  const code = inner?.Custom;
  if (typeof code === 'number') {
    if (code === 1) return 'Your server says that the chain refuses it: the key that pays has too little SOL.';
    return `Your server says that the chain refuses it: ${PROGRAM[code - 6_000] ?? ACCOUNTS[code] ?? 'the program has no words for it'} (error ${code}). Nothing was written.`;
  }
  const name = typeof error === 'string' ? error : Object.keys(error ?? {})[0] ?? '';
  const words = RUNTIME[name] ?? `it says ${shown(JSON.stringify(error) ?? '', 200)}`;
  return `Your server says that the chain refuses it: ${words}. Nothing was written.`;
}
