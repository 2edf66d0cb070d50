/** Calls the handler with the event on standard input, as a function's runtime does, and prints what it returns on one line. */

import { text } from 'node:stream/consumers';

import { handler } from './handler.mjs';

const answer = await handler(JSON.parse(await text(process.stdin)));
console.log(JSON.stringify(answer));
