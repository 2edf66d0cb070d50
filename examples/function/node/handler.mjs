/**
 * A function for Node.js that is handed a receipt, and acts only when the receipt is of the ledger that it pins: the same as `../src`, by
 * the TypeScript client. `handler` takes the events of a function URL, or of an HTTP API of API Gateway.
 *
 * Neither the caller nor an API is trusted. The operator sets COUNTERFOIL_LEDGER, COUNTERFOIL_PROGRAM, COUNTERFOIL_RPC (servers, separated by
 * commas) and, for ledgers that grow, COUNTERFOIL_API.
 */

import { confirmReceipt, ConfirmationError, parseReceipt, verifyReceipt } from '@counterfoil/client';

const { COUNTERFOIL_LEDGER: ledger, COUNTERFOIL_PROGRAM: program, COUNTERFOIL_RPC: rpc, COUNTERFOIL_API: api } = process.env;
for (const [name, value] of Object.entries({ COUNTERFOIL_LEDGER: ledger, COUNTERFOIL_PROGRAM: program, COUNTERFOIL_RPC: rpc })) {
  if (!value) throw new Error(`${name} is not set`);
}
const servers = rpc.split(',');

/** Finds a proof where the ledger has grown since; the client verifies it. */
async function consistency({ ledger, log, first, second }) {
  if (!api) throw new Error('the ledger has grown since, and COUNTERFOIL_API gives no proof');
  const query = `log=${log}&first=${first.size}&second=${second.size}`;
  const answer = await fetch(`${api}/v1/ledgers/${ledger}/consistency?${query}`, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`the API answers ${answer.status}`);
  return (await answer.json()).proof.map((hash) => new Uint8Array(Buffer.from(hash, 'hex')));
}

/** The action; put yours here. A function may be called twice for one request: ledger and index tell whether it was done already. */
function act({ receipt }) {
  const payload = new TextDecoder().decode(receipt.entry.payload);
  console.log(JSON.stringify({ acted_on: `${receipt.ledger}/${receipt.entry.index}`, payload }));
}

const answer = (statusCode, body) => ({ statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Answers 200 when it acted, 403 for a receipt that is false or another ledger's, 503 when it is to be asked again. */
export async function handler(event) {
  const text = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString('utf8') : (event.body ?? '');
  let receipt;
  try {
    receipt = parseReceipt(text);
  } catch (error) {
    return answer(400, { verdict: 'malformed', detail: error.message });
  }
  if (receipt.ledger !== ledger || receipt.program !== program) {
    const detail = `it is of ledger ${receipt.ledger} of program ${receipt.program}, and another one is pinned`;
    return answer(403, { verdict: 'refused', detail });
  }
  let verified;
  try {
    verified = verifyReceipt(receipt);
  } catch (error) {
    return answer(403, { verdict: 'refused', detail: error.message });
  }
  try {
    const { confirmed } = await confirmReceipt(verified, { servers, program, consistency });
    act(verified);
    return answer(200, { verdict: 'verified', entry: String(receipt.entry.index), confirmed_by: confirmed.map(({ server }) => server) });
  } catch (error) {
    if (!(error instanceof ConfirmationError)) throw error;
    const isFalse = ['wrong_program', 'wrong_cluster', 'contradiction'].includes(error.code);
    const body = { verdict: isFalse ? 'refused' : 'cannot_tell', detail: error.message };
    return answer(isFalse ? 403 : 503, body);
  }
}
