/** Writing by a gateway that fails in every way. The real one is asked in gateway.chain.test.ts. */

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import {
  Gateway,
  GatewayError,
  MalformedError,
  parsePromise,
  verifyReceipt,
  type GatewayOptions,
  type LineAnswer,
  type NewRecord,
} from '../src/index.js';
import { readVectors, type Json } from './support.js';

type Document = { [field: string]: Json };
type Reply = (response: ServerResponse) => void;

interface Request {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const { pinned, promises } = readVectors<{ pinned: string; promises: { promise: Document }[] }>('promise');
const PROMISE = promises[0]!.promise;
const LEDGER = PROMISE['ledger'] as string;
const ID = (PROMISE['record'] as Document)['id'] as string;
const { record: _, ...PROMISE_OF_ALL } = PROMISE;
const ACCEPTANCE = { records: [{ id: ID, url: `/v1/records/${ID}` }], promise: PROMISE };

/** A server that replies as it is told, one reply a request, the last one again and again; and the requests that came. */
async function serve(context: TestContext, ...replies: Reply[]) {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method, url, headers } = request;
      requests.push({ method: method!, url: url!, headers, body: Buffer.concat(parts).toString() });
      replies[Math.min(requests.length, replies.length) - 1]!(response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = (options: Partial<GatewayOptions> = {}) => new Gateway({ url, promiseKeys: [pinned], ...options });
  return { requests, url, gateway };
}

function answer(status: number, body: object | string, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return answer(status, { type: `/docs#${code}`, title: 'It is so', status, code, detail: `It is ${code}.` }, headers);
}

function lines(status: number, ...documents: object[]): Reply {
  const text = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
  return answer(status, text, { 'content-type': 'application/x-ndjson' });
}

const accepts = answer(202, ACCEPTANCE);
const closes: Reply = (response) => response.destroy();
const hangs: Reply = () => undefined;
const NOW = { 'retry-after': '0' };

async function refused(sent: Promise<unknown>, facts: object): Promise<GatewayError> {
  let found: unknown;
  await assert.rejects(sent, (error) => {
    assert.ok(error instanceof GatewayError, String(error));
    assert.deepEqual({ ...error, ...facts, action: error.action }, { ...error, action: error.action, ...facts });
    found = error;
    return true;
  });
  return found as GatewayError;
}

async function all(answers: AsyncIterable<LineAnswer>): Promise<LineAnswer[]> {
  const found: LineAnswer[] = [];
  for await (const one of answers) found.push(one);
  return found;
}

test('a record is sent as it is, and its promise verified', async (context) => {
  const { requests, gateway } = await serve(context, accepts);
  const time = new Date('2026-02-28T12:00:00Z');
  const options = { stream: 'orders', subject: 'order 1', time, idempotencyKey: 'first' };
  const appended = await gateway({ key: 'cfk_1' }).append(LEDGER, { order: 1 }, options);
  assert.deepEqual(appended, {
    id: ID,
    promise: parsePromise(JSON.stringify(PROMISE)),
    record: undefined,
    idempotencyKey: 'first',
  });
  const [{ headers, ...request }] = requests as [Request];
  assert.deepEqual(request, { method: 'POST', url: `/v1/ledgers/${LEDGER}/records`, body: '{"order":1}' });
  const sent = {
    authorization: 'Bearer cfk_1',
    'content-type': 'application/json',
    'counterfoil-stream': 'orders',
    'counterfoil-subject': 'order 1',
    'counterfoil-time': '2026-02-28T12:00:00.000Z',
    'idempotency-key': '"first"',
  };
  assert.deepEqual({ ...headers, ...sent }, headers);
});

test('text and bytes are sent to the byte, and each request has a name of its own', async (context) => {
  const { requests, gateway } = await serve(context, accepts);
  const one = gateway();
  await one.append(LEDGER, ' {"a": 1}');
  await one.append(LEDGER, new Uint8Array([104, 105]), { contentType: 'text/plain' });
  assert.deepEqual(
    requests.map(({ body, headers }) => [body, headers['content-type']]),
    [
      [' {"a": 1}', 'application/json'],
      ['hi', 'text/plain'],
    ],
  );
  const names = requests.map(({ headers }) => headers['idempotency-key']);
  assert.notEqual(names[0], names[1]);
  for (const name of names) assert.match(String(name), /^"[0-9a-f-]{36}"$/);
});

test('whatever fails, the same bytes are sent under the same name until they are accepted', async (context) => {
  const text = JSON.stringify(ACCEPTANCE);
  const { requests, gateway } = await serve(
    context,
    closes,
    problem(503, 'busy', NOW),
    problem(429, 'rate_limited', { 'retry-after': new Date(0).toUTCString() }),
    answer(502, '<html>Bad gateway</html>', { 'content-type': 'text/html' }),
    problem(504, 'timeout', NOW),
    // A request of the same name is under way.
    problem(409, 'busy', NOW),
    hangs,
    // The body hangs.
    (response) => response.writeHead(202, { 'content-type': 'application/json' }).write(text.slice(0, 9)),
    // It is shorter than it says, and cut off where its length is not known.
    (response) => {
      response.writeHead(202, { 'content-length': text.length }).write(text.slice(0, 9));
      setTimeout(() => response.destroy(), 10);
    },
    (response) => {
      response.writeHead(202).write(text.slice(0, 9));
      setTimeout(() => response.destroy(), 10);
    },
    answer(202, text.slice(0, 40)),
    accepts,
  );
  const options = { attemptMs: 150, attempts: 12, fetch: hurried };
  const { id } = await gateway(options).append(LEDGER, { order: 1 }, { stream: 'orders' });
  assert.equal(id, ID);
  assert.equal(requests.length, 12);
  for (const request of requests) {
    const { 'content-length': length, ...headers } = request.headers;
    assert.deepEqual({ ...request, headers }, { ...requests[0], headers: without(requests[0]!.headers) });
    assert.equal(length, '11');
  }
});

/** The same as the platform's; a name of its own shows that the option is used. */
const hurried: typeof fetch = (input, init) => fetch(input, init);

function without({ 'content-length': _, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

test('a refusal is told as it is, and never sent again', async (context) => {
  for (const [status, code] of [
    [400, 'malformed_body'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'unknown_ledger'],
    [408, 'request_timeout'],
    [409, 'ledger_refuses'],
    [413, 'body_too_large'],
    [415, 'unsupported_media_type'],
    [422, 'idempotency_key_reused'],
    [500, 'stored_data_corrupt'],
  ] as const) {
    const { requests, gateway } = await serve(context, problem(status, code));
    const sent = gateway().append(LEDGER, {}, { idempotencyKey: 'name' });
    const facts = { status, code, detail: `It is ${code}.`, attempts: 1, idempotencyKey: 'name', action: 'reject' };
    const { message } = await refused(sent, facts);
    assert.equal(message, `${code}: It is ${code}.`);
    assert.equal(requests.length, 1);
  }
  const { gateway, requests } = await serve(context, answer(404, 'no page', { 'content-type': 'text/html' }));
  await refused(gateway().append(LEDGER, {}), { status: 404, code: 'http_404', action: 'reject' });
  assert.equal(requests.length, 1);
});

test('a redirect is not followed: a key would go with it', async (context) => {
  const other = await serve(context, accepts);
  const { gateway } = await serve(context, answer(307, '', { location: other.url }));
  await refused(gateway({ key: 'cfk_1' }).append(LEDGER, {}), { code: 'http_307', action: 'reject' });
  assert.equal(other.requests.length, 0);
});

test('tries end by number and by time, and the error says how to go on', async (context) => {
  const away = await serve(context, closes);
  const sent = away.gateway({ attempts: 3 }).append(LEDGER, {}, { idempotencyKey: 'name' });
  const facts = { code: 'no_answer', status: undefined, attempts: 3, idempotencyKey: 'name', action: 'retry' };
  await refused(sent, facts);
  assert.equal(away.requests.length, 3);

  const busy = await serve(context, problem(503, 'busy', { 'retry-after': '3600' }));
  const start = performance.now();
  const later = { code: 'busy', status: 503, retryAfterMs: 3_600_000, attempts: 1, action: 'retry' };
  await refused(busy.gateway().append(LEDGER, {}), later);
  assert.ok(performance.now() - start < 5_000);

  const silent = await serve(context, hangs);
  await refused(silent.gateway({ timeoutMs: 200 }).append(LEDGER, {}), { code: 'no_answer', action: 'retry' });
  // A fetch that heeds no signal.
  const deaf: typeof fetch = () => new Promise(() => undefined);
  await refused(silent.gateway({ timeoutMs: 200, fetch: deaf }).append(LEDGER, {}), { code: 'no_answer' });
});

test('what the gateway asks for is waited for, and a random time on top', async (context) => {
  const { gateway } = await serve(context, problem(503, 'busy', { 'retry-after': '1' }), accepts);
  const start = performance.now();
  await gateway().append(LEDGER, {});
  assert.ok(performance.now() - start >= 1_000);
});

test("the caller's signal ends a call at once, in a try and between tries", async (context) => {
  const stop = new Error('enough');
  for (const reply of [hangs, problem(503, 'busy', { 'retry-after': '30' })]) {
    const controller = new AbortController();
    const { gateway, requests } = await serve(context, (response) => {
      reply(response);
      setTimeout(() => controller.abort(stop), 50);
    });
    const { signal } = controller;
    await assert.rejects(gateway().append(LEDGER, {}, { signal }), stop);
    await assert.rejects(gateway().append(LEDGER, {}, { signal }), stop);
    await assert.rejects(gateway().waitFor(ID, 'checked', { signal }), stop);
    assert.equal(requests.length, 1);
  }
});

test('a promise of another ledger, record or key is not taken', async (context) => {
  const wrong = async (change: object, code: string, options: Partial<GatewayOptions> = {}) => {
    const { gateway } = await serve(context, answer(202, { ...ACCEPTANCE, ...change }));
    const error = await refused(gateway(options).append(LEDGER, {}), { code: 'wrong_promise', action: 'reject' });
    assert.equal((error.cause as { code?: string }).code, code);
  };
  const other = { promise: { ...PROMISE, ledger: PROMISE['program'] } };
  await wrong(other, 'not_signed');
  // Nothing is pinned: the promise is compared with what was asked for.
  const { gateway, url } = await serve(context, answer(202, { ...ACCEPTANCE, ...other }));
  const { cause } = await refused(new Gateway({ url }).append(LEDGER, {}), { code: 'wrong_promise' });
  assert.equal((cause as { code?: string }).code, 'wrong_ledger');
  await wrong({ records: [{ id: ID.replace(/^./, 'f') }] }, 'wrong_record');
  await wrong({ promise: PROMISE_OF_ALL }, 'wrong_record');
  await wrong({ promise: { ...PROMISE, copies: '9' } }, 'not_signed');
  await wrong({}, 'other_key', { promiseKeys: [LEDGER] });
  await refused(gateway().record(ID), { code: 'wrong_answer' });
});

test('no promise is an answer, too', async (context) => {
  const { gateway } = await serve(context, answer(202, { ...ACCEPTANCE, promise: null }));
  assert.equal((await gateway().append(LEDGER, {})).promise, undefined);
});

const { receipts } = readVectors<{ receipts: Document[] }>('receipt');
const RECEIPT = receipts.find(({ format }) => format === 'counterfoil receipt v2')!;
const RECORD = {
  id: ID,
  ledger: RECEIPT['ledger']!,
  state: 'accepted',
  accepted_at: '2026-02-28T12:00:00Z',
  content_type: 'application/json',
};
const CHECKED = { ...RECORD, state: 'checked', index: (RECEIPT['entry'] as Document)['index']!, receipt: RECEIPT };

test('a record is waited for, and its receipt verified', async (context) => {
  const { gateway, requests } = await serve(
    context,
    answer(202, RECORD),
    answer(200, RECORD),
    closes,
    answer(200, { ...RECORD, state: 'confirmed', index: '3', confirmed_slot: '7', later: 'members are passed over' }),
    answer(200, CHECKED),
  );
  const one = gateway();
  const { id, record } = await one.append(RECORD.ledger as string, {}, { wait: 'checked' });
  assert.deepEqual([id, record!.state, record!.receipt], [ID, 'accepted', undefined]);
  assert.equal(requests[0]!.url, `/v1/ledgers/${RECORD.ledger}/records?wait=checked`);
  const confirmed = await one.waitFor(id, 'confirmed');
  assert.deepEqual([confirmed.state, confirmed.index, confirmed.confirmedSlot], ['confirmed', 3n, 7n]);
  const { receipt } = await one.waitFor(id);
  assert.equal(verifyReceipt(receipt!).receipt.ledger, RECORD.ledger);
  assert.deepEqual(
    requests.slice(1).map(({ method, url }) => `${method} ${url}`),
    Array(4).fill(`GET /v1/records/${ID}`),
  );
});

test('a record that does not get there is not waited for without end', async (context) => {
  const { gateway } = await serve(context, answer(200, RECORD));
  await refused(gateway().waitFor(ID, 'checked', { timeoutMs: 300 }), { code: 'not_yet', action: 'retry' });
});

test('a record or a receipt of another one is not taken', async (context) => {
  for (const change of [
    { id: ID.replace(/^./, 'f') },
    { state: 'lost' },
    { receipt: { ...RECEIPT, ledger: RECEIPT['program']! } },
    { index: '999' },
    { receipt: { ...RECEIPT, format: 'another' } },
  ]) {
    const { gateway, requests } = await serve(context, answer(200, { ...CHECKED, ...change }));
    await refused(gateway().record(ID), { code: 'wrong_answer', action: 'reject' });
    assert.equal(requests.length, 1);
  }
  const twice = JSON.stringify(CHECKED).replace('{', '{"state":"accepted",');
  const { gateway } = await serve(context, answer(200, twice));
  await refused(gateway().record(ID), { code: 'wrong_answer' });
});

test('many records: an answer each, a request a batch, the same lines after a failure', async (context) => {
  const accepted = (line: number) => ({ line, id: ID });
  const end = { accepted: 3, refused: 0, promise: PROMISE_OF_ALL };
  const cut = lines(202, accepted(1), accepted(2));
  const first = lines(202, accepted(1), accepted(2), accepted(3), end);
  const fault = { code: 'malformed_body', detail: 'The text is not UTF-8.' };
  const last = lines(202, accepted(1), { line: 2, ...fault }, { accepted: 1, refused: 1, promise: null });
  const { requests, gateway } = await serve(context, closes, cut, first, last);
  const time = new Date(0);
  async function* feed(): AsyncGenerator<NewRecord> {
    yield { content: { order: 1 } };
    yield { content: 'as it\nis', contentType: 'text/plain', stream: 'größer', subject: 's', time };
    yield { content: null };
    yield { content: 4 };
    yield { content: new Uint8Array([255]), contentType: 'text/plain' };
  }
  const options = { batch: 3, stream: 'orders', idempotencyKey: 'name' };
  const answers = await all(gateway().appendMany(LEDGER, feed(), options));
  const promise = parsePromise(JSON.stringify(PROMISE_OF_ALL));
  assert.deepEqual(answers, [
    { at: 0, id: ID, promise },
    { at: 1, id: ID, promise },
    { at: 2, id: ID, promise },
    { at: 3, id: ID, promise: undefined },
    { at: 4, ...fault },
  ]);
  const sent = [
    { content: { order: 1 }, stream: 'orders' },
    {
      content_base64: Buffer.from('as it\nis').toString('base64'),
      content_type: 'text/plain',
      stream: 'größer',
      subject: 's',
      time: '1970-01-01T00:00:00.000Z',
    },
    { content: null, stream: 'orders' },
    { content: 4, stream: 'orders' },
    { content_base64: '/w==', content_type: 'text/plain', stream: 'orders' },
  ].map((line) => `${JSON.stringify(line)}\n`);
  const head = sent.slice(0, 3).join('');
  assert.deepEqual(
    requests.map(({ body }) => body),
    [head, head, head, sent.slice(3).join('')],
  );
  const names = requests.map(({ headers }) => headers['idempotency-key']);
  assert.deepEqual(names, ['"name/0"', '"name/0"', '"name/0"', '"name/1"']);
  for (const { url, headers } of requests) {
    assert.equal(url, `/v1/ledgers/${LEDGER}/records?lines=envelopes`);
    assert.equal(headers['content-type'], 'application/x-ndjson');
  }
});

test('many records of which none is accepted are answered, and a request that is refused is an error', async (context) => {
  const fault = { code: 'body_too_large', detail: 'It is.' };
  const none = await serve(context, lines(422, { line: 1, ...fault }, { accepted: 0, refused: 1, promise: null }));
  assert.deepEqual(await all(none.gateway().appendMany(LEDGER, [{ content: 1 }])), [{ at: 0, ...fault }]);
  const refusing = await serve(context, problem(409, 'ledger_refuses'));
  await refused(all(refusing.gateway().appendMany(LEDGER, [{ content: 1 }])), { code: 'ledger_refuses' });
  assert.deepEqual(await all(refusing.gateway().appendMany(LEDGER, [])), []);
  const short = await serve(context, lines(202, { accepted: 0, refused: 0, promise: null }));
  await refused(all(short.gateway().appendMany(LEDGER, [{ content: 1 }])), { code: 'wrong_answer' });
  const swapped = lines(202, { line: 2, id: ID }, { accepted: 1, refused: 0, promise: null });
  const other = await serve(context, swapped);
  await refused(all(other.gateway().appendMany(LEDGER, [{ content: 1 }])), { code: 'wrong_answer' });
});

test('what no request can say is refused before one is sent', async (context) => {
  const { requests, gateway, url } = await serve(context, accepts);
  const one = gateway();
  for (const sent of [
    one.append('ledger', {}),
    one.append(LEDGER, {}, { stream: 'größer' }),
    one.append(LEDGER, {}, { subject: '' }),
    one.append(LEDGER, {}, { idempotencyKey: 'a"b' }),
    one.append(LEDGER, {}, { contentType: 'text/plain\nx: y' }),
    one.append(LEDGER, undefined as never),
    one.record('../usage'),
    all(one.appendMany(LEDGER, [{ content: 1 }], { batch: 0 })),
  ]) {
    await assert.rejects(sent, MalformedError);
  }
  for (const options of [{ url: 'gateway' }, { url: 'ftp://gateway' }, { url: `${url}/?a` }, { url, key: 'a\nb' }]) {
    assert.throws(() => new Gateway(options), MalformedError);
  }
  assert.equal(requests.length, 0);
});
