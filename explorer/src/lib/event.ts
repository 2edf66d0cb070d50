/** An event's leaf, as docs/protocol.md section 2 lays it out: the bytes that a certificate or receipt covers, and not what an API says of them. */

import { base58, fromBase64, hex } from './bytes';

const NAMES: Record<string, string> = {
  d22b87952baecbc7: 'ledger created',
  f3a80463435d2aa5: 'entries appended',
  b62d6df3e004e071: 'subtrees appended',
  '090d9a578a05029a': 'writer granted',
  '2b12afe1da5e675e': 'writer revoked',
  f4755e7035972359: 'authority proposed',
  a6c0dbbc29d1c31a: 'authority accepted',
  '45d74fc8fbf7e4da': 'subtrees disallowed',
  '9d9ba47783850eb6': 'ledger sealed',
};
const HEADER_BYTES = 152;

export interface EventLeaf {
  name: string;
  seq: string;
  slot: string;
  time: Date;
  signer: string;
  /** The log after it. */
  size: string;
  root: string;
}

/** Reads a leaf. Throws where it is too short. */
export function readEvent(base64: string): EventLeaf {
  const leaf = fromBase64(base64);
  if (leaf.length < HEADER_BYTES) throw new Error('an event has fewer bytes than its header');
  const view = new DataView(leaf.buffer);
  const number = (at: number) => String(view.getBigUint64(at, true));
  return {
    name: NAMES[hex(leaf.subarray(0, 8))] ?? 'of unknown kind',
    seq: number(40),
    slot: number(48),
    time: new Date(Number(view.getBigInt64(56, true)) * 1_000),
    signer: base58(leaf.subarray(64, 96)),
    size: number(112),
    root: hex(leaf.subarray(120, 152)),
  };
}
