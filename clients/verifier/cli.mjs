#!/usr/bin/env node
/** `counterfoil-verify`: verifies a file, compared with a pin, and asks no server. */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { loadVerifier, VerifierError, WORDS } from './node.mjs';

const HELP = `Usage: counterfoil-verify [verify] [FILE] [--input FILE] [--pin PIN.json] [--kind KIND] [--text]

Verifies a receipt, a page with its certificate, evidence or a consistency proof, and prints the verdict as a line of JSON.
FILE is standard input where it is not given. The pin is what you rely on: genesis_hash, program, ledger, heads; take it from
elsewhere than the document. --kind refuses a document of another kind; --text tells the verdict in words.

Exit codes: 0 verified, 1 refused, 2 cannot tell, 3 consistent, 64 a wrong command line or a pin that cannot be read.`;

/** The exit code of a command line that cannot be run as it stands; those of verdicts are 0 to 3, in the order of their words. */
const USAGE = 64;
/** More than that the module does not take. */
const MAX_INPUT_BYTES = 64 << 20;
const KINDS = ['receipt', 'certificate', 'evidence', 'consistency'];

process.exitCode = await main().catch((error) => {
  if (!(error instanceof VerifierError) && !error.code) throw error;
  console.error(`error: ${error.message}`);
  return USAGE;
});

async function main() {
  const string = { type: 'string' };
  const { values, positionals } = parseArgs({
    options: { input: string, pin: string, kind: string, text: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help) return (console.log(HELP), 0);
  const files = positionals[0] === 'verify' ? positionals.slice(1) : positionals;
  if (values.input !== undefined) files.push(values.input);
  if (files.length > 1) throw new VerifierError('give one FILE, or --input');
  if (values.kind !== undefined && !KINDS.includes(values.kind)) throw new VerifierError(`--kind is one of ${KINDS.join(', ')}`);
  const verifier = await loadVerifier();
  const pin = values.pin === undefined ? undefined : readFileSync(values.pin);
  const verdict = ofKind(judge(verifier, files[0], pin), values.kind);
  const told = `${verdict.verdict.toUpperCase().replace('_', ' ')}: ${verdict.reason}`;
  if (values.text) console.log([told, ...(verdict.where ? [`  at: ${verdict.where}`] : [])].join('\n'));
  else console.log(JSON.stringify(verdict)), console.error(told);
  return WORDS.indexOf(verdict.verdict);
}

function judge(verifier, file, pin) {
  let document;
  try {
    document = readFileSync(file === undefined || file === '-' ? 0 : file);
  } catch (error) {
    return cannotTell(`the file cannot be read: ${error.code}`);
  }
  if (document.length > MAX_INPUT_BYTES) return cannotTell(`it has more than ${MAX_INPUT_BYTES} bytes: take \`counterfoil verify\``);
  return verifier.verify(document, pin);
}

function cannotTell(reason) {
  return { verdict: 'cannot_tell', reason, compared: [], checked: [], not_checked: [] };
}

function ofKind(verdict, kind) {
  if (kind === undefined || verdict.kind === undefined || verdict.kind === kind) return verdict;
  const { compared } = verdict;
  const reason = `it is of kind ${verdict.kind}, you asked for ${kind}`;
  return { verdict: 'refused', kind: verdict.kind, reason, compared, checked: [], not_checked: [] };
}
