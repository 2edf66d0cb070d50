/** A head: 64-bit numbers are texts in decimal, hashes lowercase hexadecimal. */
export interface Head {
  size: string;
  root: string;
}

export type LogName = 'entries' | 'events';

/** The values that the verifier relies on. Take it from elsewhere than the document, and than the server that gave it. */
export interface Pin {
  genesis_hash?: string;
  program?: string;
  ledger?: string;
  /** Heads of that ledger, as the chain has them. */
  heads?: ({ log: LogName } & Head)[];
}

/** Two values that were compared. */
export interface Comparison {
  what: string;
  found: string;
  expected: string;
  by: 'pin' | 'document';
  equal: boolean;
}

/** `verified`: by a head that you pinned. `refused`: something contradicts. `cannot_tell`: neither. `consistent`: it extends a head
 * that you pinned, and anybody could have made the newer one. */
export type Word = 'verified' | 'refused' | 'cannot_tell' | 'consistent';

export interface Verdict {
  verdict: Word;
  kind?: 'receipt' | 'certificate' | 'evidence' | 'consistency';
  /** One sentence. Texts of the document's are escaped in it. */
  reason: string;
  /** The member or line that a refusal is of. */
  where?: string;
  compared: Comparison[];
  checked: string[];
  not_checked: string[];
  /** The words of the document on itself, unproven. Never there with a refusal. */
  claims?: { genesis_hash?: string; program?: string; ledger?: string; heads: ({ log: LogName } & Head)[] };
  /** The parts that were shown: there with `verified` alone. */
  facts?: {
    index?: string;
    leaf_hash?: string;
    /** In base64. */
    payload?: string;
    log?: LogName;
    from?: string;
    to?: string;
    /** The signer, and the time by the chain's clock: there when a head of the events was pinned. */
    event?: { seq: string; signer: string; slot: string; unix_time: string };
  };
}

/** `frontier`: the roots of the perfect subtrees that make up the log, the largest first, as the API gives them with a head. */
export type ProofRequest = { head: Head; frontier: string[] } & ({ range: { from: string; to: string } } | { first: string });

/** `needed`: all tiles and bundles, by their paths below `/tile/`. `proof`: all of them lead to the head, and this is the proof.
 * `refused`: one leads elsewhere; keep none of them. */
export type ProofAnswer = { needed: string[] } | { proof: string[] } | { refused: { reason: string; where: string } };

export const WORDS: readonly Word[];

export class VerifierError extends Error {}

export class Verifier {
  constructor(module: WebAssembly.Module);
  verify(document: Uint8Array | ArrayBuffer | string, pin?: Pin | string | Uint8Array): Verdict;
  prove(request: ProofRequest, tiles?: Map<string, Uint8Array>): ProofAnswer;
}

export function createVerifier(
  source: WebAssembly.Module | BufferSource | Promise<WebAssembly.Module | BufferSource>,
): Promise<Verifier>;
