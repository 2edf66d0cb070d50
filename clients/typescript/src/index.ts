/**
 * Verifies what Counterfoil proves: proofs, events, accounts, receipts, evidence, promises; and writes by a gateway. The instructions, accounts and errors of the
 * program, generated from its IDL, are in `@counterfoil/client/program`.
 */

export {
  decodeLedgerAccount,
  LEDGER_VERSION,
  LedgerFlag,
  Permission,
  relate,
  type LedgerAccount,
  type LogName,
  type Relation,
} from './account.js';
export { CERTIFICATE_FORMAT, readCertificate, verifyCertificate, type Certificate } from './certificate.js';
export {
  confirmEvidence,
  confirmReceipt,
  fetchLedgerAccount,
  type AccountAt,
  type ChainBridge,
  type Confirmation,
  type ConfirmOptions,
  type ConsistencyRequest,
  type EvidenceServerConfirmation,
  type Server,
  type ServerConfirmation,
} from './confirm.js';
export * from './errors.js';
export {
  decodeEvent,
  decodeEventLeaf,
  EVENT_TAG,
  eventKind,
  eventLeaf,
  readEvents,
  type EmittedEvent,
  type Event,
  type EventName,
  type ExecutedTransaction,
} from './event.js';
export {
  EVIDENCE_FORMAT,
  evidenceLines,
  MAX_EVIDENCE_LINE_BYTES,
  verifyEvidence,
  type EvidenceHeader,
  type EvidenceRange,
  type VerifiedEvidence,
} from './evidence.js';
export {
  Gateway,
  isAsFarAs,
  RECORD_STATES,
  type AppendManyOptions,
  type Appended,
  type AppendOptions,
  type Content,
  type GatewayOptions,
  type GatewayRecord,
  type LineAnswer,
  type NewRecord,
  type RecordOptions,
  type RecordState,
} from './gateway.js';
export {
  emptyRoot,
  frontierRoot,
  hashChildren,
  hashLeaf,
  MAX_SUBTREE_LEVEL,
  MAX_TREE_SIZE,
  RangeVerifier,
  subtrees,
  verifyConsistency,
  verifyInclusion,
  verifyRange,
  type ConsistencyProof,
  type InclusionProof,
  type RangeProof,
  type Subtree,
  type TreeHead,
} from './merkle.js';
export {
  formatPromise,
  parsePromise,
  PROMISE_FORMAT,
  promiseSigningBytes,
  verifyPromise,
  type GatewayPromise,
  type PromisedRecord,
  type PromisePins,
} from './promise.js';
export {
  formatReceipt,
  MAX_ENTRY_BYTES,
  parseReceipt,
  RECEIPT_FORMAT,
  RECEIPT_FORMAT_V1,
  verifyReceipt,
  type AppendEvent,
  type Receipt,
  type ReceiptBridge,
  type ReceiptV1,
  type ReceiptV2,
  type StatementMember,
  type VerifiedReceipt,
} from './receipt.js';
