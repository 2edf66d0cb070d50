/** Sending a request until it is answered: the same bytes, more and more seldom, within bounds of time and number. */

import { GatewayError } from './errors.js';

/** A request. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Behind the server's address. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Its name, for errors. */
  readonly idempotencyKey?: string;
  /** The time that a try may take in addition, because the server was asked to wait. */
  readonly extraMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The bounds of a call. */
export interface Attempts {
  /** Of all tries together. */
  readonly timeoutMs: number;
  /** Of one try. */
  readonly attemptMs: number;
  /** How many. */
  readonly attempts: number;
}

/** The random part of the pause after the first try is up to this long; it doubles with each. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 10_000;
const JSON_LINES = 'application/x-ndjson';

/**
 * Sends a request and gives the text of its answer. It is sent again where no answer came, or not a whole one, and where the
 * server says that it is busy.
 *
 * @throws {@link GatewayError}, or the reason of the caller's signal.
 */
export async function send(fetching: typeof fetch, url: string, call: Call, bounds: Attempts): Promise<string> {
  const end = performance.now() + bounds.timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    call.signal?.throwIfAborted();
    const left = Math.max(end - performance.now(), 1);
    const facts = { idempotencyKey: call.idempotencyKey, attempts: attempt };
    const outcome = await sendOnce(fetching, url, call, Math.min(bounds.attemptMs, left), facts);
    if (typeof outcome === 'string') return outcome;
    // Full jitter, so that callers who were refused together do not come together again. The time that the server asks for is on top.
    const most = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LAST_PAUSE_MS);
    const pause = (outcome.retryAfterMs ?? 0) + Math.random() * most;
    const isOver = attempt >= bounds.attempts || performance.now() + pause >= end;
    if (outcome.action === 'reject' || isOver) throw outcome;
    await sleep(pause, call.signal);
  }
}

/** Waits, until the signal at most. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await within(ms, signal, (stopped) => stopped.catch(() => undefined));
  signal?.throwIfAborted();
}

type Facts = { readonly idempotencyKey: string | undefined; readonly attempts: number };

/** The answer's text, or why there is none. */
async function sendOnce(
  fetching: typeof fetch,
  url: string,
  call: Call,
  attemptMs: number,
  facts: Facts,
): Promise<string | GatewayError> {
  const { method, path, headers, body } = call;
  try {
    return await within(attemptMs, call.signal, async (stopped, signal) => {
      const request = { method, headers, redirect: 'manual', signal, ...(body && { body }) } as const;
      // A fetch of the caller's need not heed the signal.
      const response = await Promise.race([fetching(`${url}${path}`, request), stopped]);
      const text = await Promise.race([response.text(), stopped]);
      const problem = problemOf(response, text, facts);
      if (problem !== undefined) return problem;
      if (!isWhole(response, text)) throw new Error('the answer is cut off');
      return text;
    });
  } catch (cause) {
    call.signal?.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    return new GatewayError('no_answer', `${method} ${path}: no whole answer came: ${why}`, { ...facts, cause });
  }
}

/** Gives a piece of work a promise that fails when its time is over or the caller's signal comes, and a signal of the same. */
async function within<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (stopped: Promise<never>, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = () => controller.abort(outer?.reason);
  const timer = setTimeout(() => controller.abort(new Error(`it took longer than ${Math.round(ms)} ms`)), ms);
  outer?.addEventListener('abort', stop, { once: true });
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  // Where the work ended first.
  stopped.catch(() => undefined);
  try {
    return await work(stopped, signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', stop);
  }
}

/** The problem that an answer tells, if it is no success. */
function problemOf(response: Response, text: string, facts: Facts): GatewayError | undefined {
  const { status } = response;
  // Many lines of which none was accepted are answered as lines.
  if (response.ok || (status === 422 && isLines(response))) return undefined;
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // A proxy's page.
  }
  const { code, detail } = (document ?? {}) as { code?: unknown; detail?: unknown };
  if (typeof code === 'string' && typeof detail === 'string') {
    return new GatewayError(code, detail, { ...facts, status, retryAfterMs });
  }
  const what =
    response.type === 'opaqueredirect' || (status >= 300 && status < 400) ? 'a redirect' : `status ${status}`;
  const problem = `the answer is ${what} without a problem document: is this the address of a gateway?`;
  return new GatewayError(`http_${status}`, problem, { ...facts, status, retryAfterMs });
}

/** Seconds or a date, as a header says them (RFC 9110, section 10.2.3); in milliseconds from now. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^[0-9]{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const time = Date.parse(header);
  return Number.isNaN(time) ? undefined : Math.max(time - Date.now(), 0);
}

function isLines(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith(JSON_LINES) === true;
}

/** Whether an answer has its end: a connection that is closed within a body of unknown length is not always told as an error. */
function isWhole(response: Response, text: string): boolean {
  try {
    if (!isLines(response)) return JSON.parse(text) !== undefined;
    const end: unknown = JSON.parse(text.trimEnd().split('\n').at(-1)!);
    return typeof end === 'object' && end !== null && 'accepted' in end;
  } catch {
    return false;
  }
}
