/**
 * Writing by HTTP: a gateway takes records, answers with promises, and has the receipts later. Source: docs/gateway.md.
 *
 * Nothing here is believed: a promise is verified where its keys are pinned, and a receipt by {@link verifyReceipt} and
 * {@link confirmReceipt}.
 */

import { isAddress, type Address } from '@solana/kit';

import { GatewayError, MalformedError, PromiseError } from './errors.js';
import { parseJson, readField, readKey, readNumber, readText } from './json.js';
import { expectSubject, readPromise, readRecordId, verifyPromise, type GatewayPromise } from './promise.js';
import { readReceipt, type Receipt } from './receipt.js';
import { send, sleep, type Attempts, type Call } from './retry.js';

/** How far a record is. Each state includes those before it; {@link GatewayRecord} has its receipt with the last. */
export const RECORD_STATES = ['accepted', 'sealed', 'confirmed', 'finalized', 'checked'] as const;

/** One of {@link RECORD_STATES}. */
export type RecordState = (typeof RECORD_STATES)[number];

/** How a gateway is called. */
export interface GatewayOptions {
  /** Its address, with the path before `/v1` where there is one. */
  readonly url: string;
  /** The key that its operator gave you, `cfk_…`. */
  readonly key?: string;
  /** The keys of its promises, which come from your contract and not from the gateway. Without them none is verified. */
  readonly promiseKeys?: readonly string[];
  /** How a request is sent, for tests, proxies and other platforms. */
  readonly fetch?: typeof fetch;
  /** How long a call may take with all its tries, in milliseconds; 120,000 when absent. */
  readonly timeoutMs?: number;
  /** How long one try may take, in milliseconds; 15,000 when absent, in addition to the time that the gateway is asked to wait. */
  readonly attemptMs?: number;
  /** How often a request is sent at most; 10 when absent. */
  readonly attempts?: number;
}

/** A record's content: text and bytes as they are, all else as its JSON. */
export type Content = string | Uint8Array | object | number | boolean | null;

/** The facts of a record in addition to its content. */
export interface RecordOptions {
  /** Its media type; JSON when absent. */
  readonly contentType?: string;
  /** The stream that it belongs to. */
  readonly stream?: string;
  /** The thing that it is about. */
  readonly subject?: string;
  /** When it happened; when the gateway got it, where absent. */
  readonly time?: Date | string;
}

/** How one record is appended. */
export interface AppendOptions extends RecordOptions {
  /** The name of the request: the same request under it is accepted once. A random one when absent. */
  readonly idempotencyKey?: string;
  /** Answer when the record is that far, or after 30 s. */
  readonly wait?: 'confirmed' | 'finalized' | 'checked';
  /** Ends the call. Whether the record is accepted is not known then. */
  readonly signal?: AbortSignal;
}

/** How many records are appended. */
export interface AppendManyOptions extends Omit<RecordOptions, 'contentType'> {
  /** The name of the requests, which has their numbers behind it. A random one when absent. */
  readonly idempotencyKey?: string;
  /** The most records of a request, up to 10,000; 1,000 when absent. One commit takes them, and one promise is of them. */
  readonly batch?: number;
  /** Ends the call. Whether the records of its request are accepted is not known then. */
  readonly signal?: AbortSignal;
}

/** One of many records. */
export interface NewRecord extends RecordOptions {
  /** Its content. */
  readonly content: Content;
}

/** A record that is on the gateway's disk. */
export interface Appended {
  /** Its id. */
  readonly id: string;
  /** Until when it will be in the ledger; undefined where the gateway can promise nothing now. */
  readonly promise: GatewayPromise | undefined;
  /** How far it is, where the gateway was asked to wait. */
  readonly record: GatewayRecord | undefined;
  /** The name of the request. */
  readonly idempotencyKey: string;
}

/** The fate of one of many records: `at` is its number among those that were given, from 0. */
export type LineAnswer =
  | {
      readonly at: number;
      /** The record's id. */
      readonly id: string;
      /** Of all records of its request; {@link Gateway.record} has the one that names it. */
      readonly promise: GatewayPromise | undefined;
    }
  | {
      readonly at: number;
      /** Why it was refused: the code of a problem. */
      readonly code: string;
      /** The fault, and what to do. */
      readonly detail: string;
    };

/** A record, as the gateway tells of it. */
export interface GatewayRecord {
  /** Its id. */
  readonly id: string;
  /** Its ledger. */
  readonly ledger: Address;
  /** How far it is. */
  readonly state: RecordState;
  /** When it was accepted, by the gateway's clock, as RFC 3339 says. */
  readonly acceptedAt: string;
  /** Its media type. */
  readonly contentType: string;
  /** Its index in the ledger; before it is checked the one that it is to get. */
  readonly index: bigint | undefined;
  /** The slot in which its transaction was confirmed. */
  readonly confirmedSlot: bigint | undefined;
  /** The promise that it is one of the records of. */
  readonly promise: GatewayPromise | undefined;
  /** Its receipt, once it is checked. */
  readonly receipt: Receipt | undefined;
}

const MAX_BATCH = 10_000;
/** A request of many may have 16 MiB. */
const MAX_BATCH_BYTES = 8 << 20;
/** The longest that the gateway waits. */
const WAIT_MS = 30_000;
const FIRST_LOOK_MS = 100;
const LAST_LOOK_MS = 2_000;
const VISIBLE = /^[\x20-\x7e]{1,255}$/;

/** A gateway, and how it is called. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #url: string;

  /**
   * @throws {@link MalformedError} where its address is none of HTTP, or its key fits no header.
   */
  constructor(options: GatewayOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
    const isPlain = url && !url.search && !url.hash && !url.username && !url.password;
    if (!isPlain || !['http:', 'https:'].includes(url.protocol)) {
      throw new MalformedError('options.url', 'is not http:// or https:// with a host, and a path at most');
    }
    // A key that no header can hold would look as if the gateway were away.
    if (options.key !== undefined && !/^[\x21-\x7e]+$/.test(options.key)) {
      throw new MalformedError('options.key', 'is not of visible characters of ASCII');
    }
    this.#url = url.href.replace(/\/+$/, '');
    this.#options = options;
  }

  /**
   * Appends a record. It is on the gateway's disk then, and on its way to the ledger.
   *
   * While the gateway is away or busy the same bytes are sent again under the same name, so that the record is accepted once.
   *
   * @throws {@link GatewayError}; with the action `retry`, whether the record was accepted is not known.
   */
  async append(ledger: string, content: Content, options: AppendOptions = {}): Promise<Appended> {
    const { wait, signal, idempotencyKey = crypto.randomUUID() } = options;
    const headers: Record<string, string> = {
      'content-type': visible(options.contentType ?? 'application/json', 'options.contentType'),
    };
    for (const name of ['stream', 'subject'] as const) {
      if (options[name] !== undefined) headers[`counterfoil-${name}`] = visible(options[name], `options.${name}`);
    }
    if (options.time !== undefined) headers['counterfoil-time'] = visible(timeText(options.time), 'options.time');
    const call = this.#post(ledger, wait === undefined ? '' : `?wait=${wait}`, idempotencyKey, headers);
    const text = await this.#send({ ...call, body: bytesOf(content), signal, extraMs: wait ? WAIT_MS : 0 });
    return this.#reading(idempotencyKey, async () => {
      const answer = parseJson(text, 'answer');
      if (wait !== undefined) {
        const record = await this.#readRecord(answer, { ledger });
        return { id: record.id, promise: record.promise, record, idempotencyKey };
      }
      const records = readField(answer, 'records', 'answer');
      const [only, more] = Array.isArray(records) ? (records as unknown[]) : [];
      if (more !== undefined) throw new MalformedError('answer.records', 'has more than the one that was sent');
      const id = readRecordId(readField(only, 'id', 'answer.records[0]'), 'answer.records[0].id');
      const promise = await this.#readPromise(readField(answer, 'promise', 'answer'), { ledger, record: id });
      return { id, promise, record: undefined, idempotencyKey };
    });
  }

  /**
   * Appends many records, some to a request, and gives an answer for each, in order. A record that is refused keeps no others out.
   *
   * It sends a request when it is full, so it is for lists and files; a feed without an end calls {@link Gateway.append}. After an
   * error the same records under the same `idempotencyKey` and in the same `batch` are accepted once.
   *
   * @throws {@link GatewayError} where a request as a whole is refused, or got no answer.
   */
  async *appendMany(
    ledger: string,
    records: Iterable<NewRecord> | AsyncIterable<NewRecord>,
    options: AppendManyOptions = {},
  ): AsyncGenerator<LineAnswer, void, undefined> {
    const { batch = 1_000, idempotencyKey = crypto.randomUUID(), signal } = options;
    if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH) {
      throw new MalformedError('options.batch', `is not 1 to ${MAX_BATCH}`);
    }
    let [first, number, bytes, lines] = [0, 0, 0, [] as Uint8Array[]];
    const flush = async () => {
      const answers = await this.#sendLines(ledger, lines, `${idempotencyKey}/${number}`, first, signal);
      [first, number, bytes, lines] = [first + lines.length, number + 1, 0, []];
      return answers;
    };
    for await (const record of records) {
      const line = new TextEncoder().encode(`${JSON.stringify(envelope(record, options))}\n`);
      if (lines.length === batch || (lines.length > 0 && bytes + line.length > MAX_BATCH_BYTES)) yield* await flush();
      lines.push(line);
      bytes += line.length;
    }
    if (lines.length > 0) yield* await flush();
  }

  /**
   * A record: how far it is, its promise, and its receipt once it is checked.
   *
   * @throws {@link GatewayError}.
   */
  async record(id: string, options: { readonly signal?: AbortSignal } = {}): Promise<GatewayRecord> {
    const path = `/v1/records/${readRecordId(id, 'id')}`;
    const text = await this.#send({ method: 'GET', path, headers: {}, ...options });
    return this.#reading(undefined, () => this.#readRecord(parseJson(text, 'answer'), { id }));
  }

  /**
   * Waits until a record is in a state, or further.
   *
   * @throws {@link GatewayError}, with the code `not_yet` where it is not after `timeoutMs`, 180,000 when absent.
   */
  async waitFor(
    id: string,
    state: RecordState = 'checked',
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<GatewayRecord> {
    const { timeoutMs = 180_000, ...others } = options;
    const end = performance.now() + timeoutMs;
    for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, LAST_LOOK_MS)) {
      const record = await this.record(id, others);
      if (isAsFarAs(record.state, state)) return record;
      // Half of it at random, so that those who began together do not ask together.
      const next = pause * (0.5 + Math.random() / 2);
      if (performance.now() + next > end) {
        throw new GatewayError('not_yet', `record ${id} is ${record.state}, and not ${state} after ${timeoutMs} ms`);
      }
      await sleep(next, others.signal);
    }
  }

  async #sendLines(
    ledger: string,
    lines: readonly Uint8Array[],
    idempotencyKey: string,
    first: number,
    signal: AbortSignal | undefined,
  ): Promise<LineAnswer[]> {
    const headers = { 'content-type': 'application/x-ndjson' };
    const call = this.#post(ledger, '?lines=envelopes', idempotencyKey, headers);
    const text = await this.#send({ ...call, body: joined(lines), signal });
    return this.#reading(idempotencyKey, async () => {
      const answers = text.trimEnd().split('\n');
      const values = answers.map((line, at) => parseJson(line, `answer[${at}]`));
      const end = values.pop();
      const refused = readCount(readField(end, 'refused', 'answer.end'), 'answer.end.refused');
      const accepted = readCount(readField(end, 'accepted', 'answer.end'), 'answer.end.accepted');
      if (values.length !== lines.length || accepted + refused !== lines.length) {
        throw new MalformedError('answer', `is of ${values.length} records, and ${lines.length} were sent`);
      }
      const promise = await this.#readPromise(readField(end, 'promise', 'answer.end'), { ledger });
      if (promise !== undefined && promise.records.count !== BigInt(accepted)) {
        throw new MalformedError('answer.end.promise', `is not of the ${accepted} records that were accepted`);
      }
      return values.map((value, at) => readLine(value, at, first + at, promise));
    });
  }

  #post(ledger: string, query: string, idempotencyKey: string, headers: Record<string, string>): Call {
    if (!isAddress(ledger)) throw new MalformedError('ledger', 'is not 32 bytes in base58');
    if (!VISIBLE.test(idempotencyKey) || /["\\]/.test(idempotencyKey)) {
      throw new MalformedError(
        'options.idempotencyKey',
        'is not 1 to 255 visible characters of ASCII without " and \\',
      );
    }
    const named = { ...headers, 'idempotency-key': `"${idempotencyKey}"` };
    return { method: 'POST', path: `/v1/ledgers/${ledger}/records${query}`, headers: named, idempotencyKey };
  }

  #send(call: Call): Promise<string> {
    const { key, fetch: fetching, timeoutMs = 120_000, attemptMs = 15_000, attempts = 10 } = this.#options;
    const headers = key === undefined ? call.headers : { ...call.headers, authorization: `Bearer ${key}` };
    const bounds: Attempts = { timeoutMs, attemptMs: attemptMs + (call.extraMs ?? 0), attempts };
    // Not taken from the global object before: tests and tracing put their own there.
    return send(fetching ?? globalThis.fetch, this.#url, { ...call, headers }, bounds);
  }

  /** Reads an answer; an error where it is not what was asked for. */
  async #reading<T>(idempotencyKey: string | undefined, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      const code = cause instanceof PromiseError ? 'wrong_promise' : 'wrong_answer';
      throw new GatewayError(code, cause.message, { idempotencyKey, cause });
    }
  }

  async #readPromise(
    value: unknown,
    subject: { readonly ledger: string; readonly record?: string },
  ): Promise<GatewayPromise | undefined> {
    if (value === null) return undefined;
    const promise = readPromise(value, 'answer.promise');
    const { promiseKeys: keys } = this.#options;
    if (keys === undefined) expectSubject(promise, subject);
    else await verifyPromise(promise, { keys, ...subject });
    return promise;
  }

  async #readRecord(
    answer: unknown,
    expected: { readonly ledger?: string; readonly id?: string },
  ): Promise<GatewayRecord> {
    const field = (name: string) => readField(answer, name, 'answer');
    const optional = (name: string) => (Object.hasOwn(answer as object, name) ? field(name) : undefined);
    const id = readRecordId(field('id'), 'answer.id');
    const ledger = readKey(field('ledger'), 'answer.ledger');
    if (expected.id !== undefined && id !== expected.id) throw new MalformedError('answer.id', 'is of another record');
    if (expected.ledger !== undefined && ledger !== expected.ledger) {
      throw new MalformedError('answer.ledger', 'is another ledger');
    }
    const [index, slot] = [optional('index'), optional('confirmed_slot')];
    const [promise, receipt] = [optional('promise'), optional('receipt')];
    const record: GatewayRecord = {
      id,
      ledger,
      state: readState(field('state'), 'answer.state'),
      acceptedAt: readText(field('accepted_at'), 'answer.accepted_at'),
      contentType: readText(field('content_type'), 'answer.content_type'),
      index: index === undefined ? undefined : readNumber(index, 'answer.index'),
      confirmedSlot: slot === undefined ? undefined : readNumber(slot, 'answer.confirmed_slot'),
      promise: promise === undefined ? undefined : await this.#readPromise(promise, { ledger, record: id }),
      receipt: receipt === undefined ? undefined : readReceipt(receipt),
    };
    if (record.receipt !== undefined) {
      const { ledger: of, entry } = record.receipt;
      if (of !== ledger || entry.index !== record.index) {
        throw new MalformedError('answer.receipt', `is of entry ${entry.index} of ledger ${of}`);
      }
    }
    return record;
  }
}

/** Whether a record in one state is as far as another one. */
export function isAsFarAs(state: RecordState, wanted: RecordState): boolean {
  return RECORD_STATES.indexOf(state) >= RECORD_STATES.indexOf(wanted);
}

function readLine(value: unknown, at: number, number: number, promise: GatewayPromise | undefined): LineAnswer {
  const where = `answer[${at}]`;
  if (readCount(readField(value, 'line', where), `${where}.line`) !== at + 1) {
    throw new MalformedError(`${where}.line`, `is not ${at + 1}`);
  }
  if (Object.hasOwn(value as object, 'id')) {
    return { at: number, id: readRecordId(readField(value, 'id', where), `${where}.id`), promise };
  }
  const code = readText(readField(value, 'code', where), `${where}.code`);
  return { at: number, code, detail: readText(readField(value, 'detail', where), `${where}.detail`) };
}

function readState(value: unknown, where: string): RecordState {
  const state = RECORD_STATES.find((state) => state === value);
  if (state === undefined) throw new MalformedError(where, 'is no state of a record');
  return state;
}

function readCount(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new MalformedError(where, 'is not a number of lines');
  }
  return value;
}

function visible(text: string, where: string): string {
  if (VISIBLE.test(text)) return text;
  throw new MalformedError(where, 'is not 1 to 255 visible characters of ASCII; appendMany takes other names');
}

function timeText(time: Date | string): string {
  return typeof time === 'string' ? time : time.toISOString();
}

function jsonOf(content: Content): string {
  const text = JSON.stringify(content) as string | undefined;
  if (text === undefined) throw new MalformedError('content', 'is nothing that JSON can say');
  return text;
}

function bytesOf(content: Content): Uint8Array<ArrayBuffer> {
  // A copy: the caller may write to its own while a request is sent again.
  if (content instanceof Uint8Array) return Uint8Array.from(content);
  return new TextEncoder().encode(typeof content === 'string' ? content : jsonOf(content));
}

/** A line of a request of many. Text and bytes go in base64, so that they are kept to the byte. */
function envelope(record: NewRecord, { stream, subject, time }: AppendManyOptions): object {
  const { content } = record;
  const isBytes = typeof content === 'string' || content instanceof Uint8Array;
  const when = record.time ?? time;
  return {
    ...(isBytes ? { content_base64: base64(bytesOf(content)) } : { content }),
    content_type: record.contentType,
    stream: record.stream ?? stream,
    subject: record.subject ?? subject,
    time: when === undefined ? undefined : timeText(when),
  };
}

function base64(bytes: Uint8Array): string {
  // As many at a time as a call may have arguments.
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
