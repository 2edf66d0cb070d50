/**
 * The errors of this package, as classes: each says what, where, and what to do, and has a `code` that stays the same.
 *
 * A proof, a receipt or a head that does not hold is always an error that is thrown, never a value that can be ignored.
 */

/** A value does not have the form that its place demands: a hash of another length, a number that is no size. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
  /** Always `malformed`. */
  readonly code = 'malformed';

  /**
   * @param where - The place, such as `receipt.entry.index`.
   * @param problem - What is wrong there.
   */
  constructor(
    readonly where: string,
    problem: string,
  ) {
    super(`${where} ${problem}`);
  }
}

/** Why a proof does not hold; see {@link ProofError}. */
export type ProofErrorCode =
  | 'index_out_of_range'
  | 'no_range'
  | 'shrinks'
  | 'too_short'
  | 'too_long'
  | 'root_mismatch'
  | 'second_root_mismatch';

/** A proof does not hold: what it was to prove is not shown. */
export class ProofError extends Error {
  override readonly name = 'ProofError';

  constructor(
    /** Why. */
    readonly code: ProofErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Why bytes are not an event; see {@link EventError}. */
export type EventErrorCode = 'truncated' | 'unknown_kind' | 'trailing_bytes' | 'out_of_range' | 'no_inner_instructions';

/** Bytes are not an event of this version. An event must not be skipped: a newer program may need a newer client. */
export class EventError extends Error {
  override readonly name = 'EventError';

  constructor(
    /** Why. */
    readonly code: EventErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why bytes are not a ledger's account; see {@link AccountError}. */
export type AccountErrorCode =
  | 'missing'
  | 'wrong_owner'
  | 'wrong_length'
  | 'not_a_ledger'
  | 'unknown_version'
  | 'out_of_range'
  | 'inconsistent';

/** An account is not a ledger's, or contradicts itself: the server that sent it is broken or lies. */
export class AccountError extends Error {
  override readonly name = 'AccountError';

  constructor(
    /** Why. */
    readonly code: AccountErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Why a receipt's parts do not belong together; see {@link ReceiptError}. */
export type ReceiptErrorCode =
  | 'unknown_format'
  | 'out_of_range'
  | 'entry_length'
  | 'entry'
  | 'unreadable_event'
  | 'wrong_event'
  | 'wrong_ledger'
  | 'wrong_sequence'
  | 'not_covered'
  | 'head_mismatch'
  | 'event'
  | 'bridge'
  | 'statement';

/**
 * The parts of a receipt do not belong together: it proves nothing. With the code `statement` nothing is refuted: it has
 * members that this version does not read, so that it cannot tell.
 */
export class ReceiptError extends Error {
  override readonly name = 'ReceiptError';

  constructor(
    /** Why. */
    readonly code: ReceiptErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why a list is not what its certificate says; see {@link CertificateError}. */
export type CertificateErrorCode = 'unknown_format' | 'out_of_range' | 'count' | 'proof';

/** A list is not what its certificate says: a row is missing, extra, altered or out of place, or the certificate is. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';

  constructor(
    /** Why. */
    readonly code: CertificateErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why the lines of evidence do not belong together; see {@link EvidenceError}. */
export type EvidenceErrorCode =
  | 'unknown_format'
  | 'out_of_range'
  | 'entries'
  | 'events'
  | 'bridge'
  | 'unreadable_event'
  | 'wrong_line'
  | 'entry_length'
  | 'wrong_ledger'
  | 'head_mismatch'
  | 'wrong_count'
  | 'cut_off';

/** The lines of evidence do not belong together: it proves nothing. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';

  constructor(
    /** Why. */
    readonly code: EvidenceErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why the chain does not confirm a receipt or evidence; see {@link ConfirmationError}. */
export type ConfirmationErrorCode =
  | 'bad_quorum'
  | 'bad_server'
  | 'wrong_program'
  | 'wrong_cluster'
  | 'contradiction'
  | 'stale'
  | 'proof_needed'
  | 'no_transaction'
  | 'event_missing'
  | 'unknown_program'
  | 'program_changed'
  | 'no_answer'
  | 'too_few';

/** The chain, as the servers asked report it, does not confirm a receipt or evidence. */
export class ConfirmationError extends Error {
  override readonly name = 'ConfirmationError';

  constructor(
    /** Why. */
    readonly code: ConfirmationErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /**
   * The caller's next step: `retry` later, `supply` what is missing (the option `consistency`, a newer receipt, a server
   * that keeps older blocks), `halt` because two statements exclude each other, or `reject` the request, which will not
   * become right by itself. Only `halt` says that something is false; the others say that it cannot be told.
   */
  get action(): 'retry' | 'supply' | 'halt' | 'reject' {
    switch (this.code) {
      case 'contradiction':
        return 'halt';
      case 'proof_needed':
      case 'no_transaction':
      case 'event_missing':
      case 'program_changed':
        return 'supply';
      case 'stale':
      case 'no_answer':
      case 'too_few':
        return 'retry';
      default:
        return 'reject';
    }
  }
}

/** Why a promise is not believed; see {@link PromiseError}. */
export type PromiseErrorCode =
  | 'out_of_range'
  | 'no_records'
  | 'no_copies'
  | 'not_signed'
  | 'record'
  | 'other_key'
  | 'wrong_ledger'
  | 'wrong_record';

/** A promise is not one of the keys that you rely on, or not of what you asked for: it promises you nothing. */
export class PromiseError extends Error {
  override readonly name = 'PromiseError';

  constructor(
    /** Why. */
    readonly code: PromiseErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * A gateway did not do what it was asked. Its `code` is that of the gateway's problem document, or one of these:
 *
 * - `no_answer`: none came, whole and in time, in as many tries as were allowed.
 * - `not_yet`: the record did not get as far as it was waited for.
 * - `wrong_answer`: the answer is not what the request asks for.
 * - `wrong_promise`: the promise is for another ledger or record, or none of the pinned keys signed it; `cause` says which.
 * - `http_STATUS`: an answer without a problem document, such as a proxy's.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  /** The status of the last answer; none came where it is undefined. */
  readonly status: number | undefined;
  /** The failure, the input, and what to do. */
  readonly detail: string;
  /** The name of the request. Under it the same request can be sent again, and its records are accepted once. */
  readonly idempotencyKey: string | undefined;
  /** How often it was sent. */
  readonly attempts: number;
  /** When the gateway takes it again, in milliseconds from the answer on, where it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    /** Why. */
    readonly code: string,
    detail: string,
    facts: {
      readonly status?: number | undefined;
      readonly idempotencyKey?: string | undefined;
      readonly attempts?: number;
      readonly retryAfterMs?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${code}: ${detail}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.detail = detail;
    this.status = facts.status;
    this.idempotencyKey = facts.idempotencyKey;
    this.attempts = facts.attempts ?? 0;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /**
   * The caller's next step: `retry` later, with the same `idempotencyKey`, for whether the records were accepted is not known;
   * or `reject`, for the same request will not be taken, or what it was answered cannot be believed.
   */
  get action(): 'retry' | 'reject' {
    if (this.code === 'no_answer' || this.code === 'not_yet') return 'retry';
    return isTemporary(this.status, this.retryAfterMs) ? 'retry' : 'reject';
  }
}

/** Whether a request that was answered with this status may be sent again as it is. */
function isTemporary(status: number | undefined, retryAfterMs: number | undefined): boolean {
  if (status === 429 || status === 502 || status === 503 || status === 504) return true;
  // Of conflicts only those pass that say when to come again: a request of the same name that is under way.
  return status === 409 && retryAfterMs !== undefined;
}
