/** Express: each request that may change something becomes a record before its handler runs. */

import { createHash, randomUUID } from 'node:crypto';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * @param {object} options
 * @param {import('@counterfoil/client').Gateway} options.gateway
 * @param {string} options.ledger the ledger's address
 * @param {'refuse' | 'go on'} options.withoutRecord while no record can be written: refuse the request with 503, and nothing was done; or go
 * on, and tell `log` of each request that has no record. There is no default: choose aloud.
 * @param {(request: import('express').Request) => string | null} [options.actor] who it is, after your authentication
 */
export function recorded({ gateway, ledger, withoutRecord, actor = () => null, timeoutMs = 2_000, log = console.error }) {
  if (!['refuse', 'go on'].includes(withoutRecord)) throw new TypeError("withoutRecord is 'refuse' or 'go on'");
  return async (request, response, next) => {
    if (SAFE.has(request.method)) return next();
    const said = {
      request: randomUUID(),
      method: request.method,
      path: request.originalUrl.split('?', 1)[0],
      actor: actor(request),
      // The body itself may hold what must be forgotten one day.
      body_sha256: request.rawBody ? createHash('sha256').update(request.rawBody).digest('hex') : null,
    };
    try {
      const options = { stream: 'requests', idempotencyKey: `request/${said.request}`, signal: AbortSignal.timeout(timeoutMs) };
      const { id } = await gateway.append(ledger, JSON.stringify(said), options);
      response.set('counterfoil-record', id);
    } catch (error) {
      if (withoutRecord === 'refuse') {
        return response.status(503).json({ error: 'this request cannot be recorded now, and was not carried out: try again' });
      }
      log(`no record of request ${said.request}, ${said.method} ${said.path}: ${error.message}`);
    }
    next();
  };
}

/** For `express.json({ verify: keepBody })`: the body's bytes, of which the record has the hash. */
export const keepBody = (request, _response, bytes) => {
  request.rawBody = bytes;
};
