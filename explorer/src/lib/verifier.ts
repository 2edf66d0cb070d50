/** Asks the worker for verdicts. */

import type { Pin, Verdict } from '@counterfoil/verifier';

import type { Question } from '../worker';

type Waiter = { resolve: (verdict: Verdict) => void; reject: (problem: Error) => void };

const waiting = new Map<number, Waiter>();
let worker: Worker | undefined;
let next = 0;

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: () => string }): { createScriptURL(url: string): unknown };
}

// The page's policy takes a worker's address from this maker alone, where the browser knows such policies.
const policy = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy('counterfoil-worker', { createScriptURL: () => './worker.js' });

function start(): Worker {
  const started = new Worker((policy?.createScriptURL('') ?? './worker.js') as string, { type: 'module' });
  started.addEventListener('message', ({ data }) => {
    const waiter = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.verdict) waiter?.resolve(data.verdict);
    else waiter?.reject(new Error(data.problem));
  });
  started.addEventListener('error', () => {
    for (const { reject } of waiting.values()) reject(new Error('the verifier cannot be loaded: nothing here is verified'));
    waiting.clear();
    worker = undefined;
  });
  return started;
}

/** The verdict on a document, compared with a pin that comes from elsewhere. */
export function verify(document: string, pin: Pin): Promise<Verdict> {
  worker ??= start();
  const question: Question = { id: (next += 1), document, pin: JSON.parse(JSON.stringify(pin)) };
  return new Promise((resolve, reject) => {
    waiting.set(question.id, { resolve, reject });
    worker!.postMessage(question);
  });
}
