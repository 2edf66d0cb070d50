/** How many entries came when: bars by the index's word, and the same counted again from the events. */

import { ask, isNumber } from './api';
import { readEvent } from './event';
import { judge, type State } from './judge';

export const STEPS = { hour: { ms: 3_600_000, bars: 14 * 24, words: '14 days by hour' }, day: { ms: 86_400_000, bars: 365, words: 'a year by day' } } as const;
export type Step = keyof typeof STEPS;
/** The most bars that are drawn: a year by hour. */
const MOST_BARS = 8_760;
/** The most events that are read to count again, the newest. */
export const MOST_EVENTS = 20_000n;
const PAGE = 1_000n;

export interface Bar {
  time: number;
  count: number;
  isBurst: boolean;
  /** Whether the index named a count; it names none of before its first event. */
  isSaid: boolean;
  /** null: it is the index's word. */
  state: State | null;
}

export interface Activity {
  step: Step;
  bars: Bar[];
  /** The events that tell of these bars: the one before the first bar's, and the end of the log, as the index says. */
  from: bigint;
  to: bigint;
}

/** Asks the index. All hours or days are there, those without a bucket empty. */
export async function loadActivity(ledger: string, step: Step): Promise<Activity> {
  const { ms, bars } = STEPS[step];
  // A bucket that is not over yet is counted, too.
  const end = (Math.floor(Date.now() / ms) + 1) * ms;
  const asked = new URLSearchParams({ step, from_time: new Date(end - bars * ms).toISOString(), to_time: new Date(end).toISOString() });
  const { body } = await ask(`/v1/ledgers/${ledger}/activity?${asked}`);
  const known = new Map<number, any>(body.buckets.map((bucket: any) => [Date.parse(bucket.time), bucket]));
  const first = Math.min(end - bars * ms, ...[...known.keys()].slice(0, 1));
  const count = Math.min((end - first) / ms, MOST_BARS);
  const seq = String(body.buckets[0]?.first_seq ?? '0');
  const size = String(body.event_head.size);
  if (!isNumber(seq) || !isNumber(size)) throw new Error('the API answered with what is no number');
  return {
    step,
    bars: Array.from({ length: count }, (_, at) => {
      const bucket = known.get(first + at * ms);
      return { time: first + at * ms, count: Number(bucket?.count ?? 0), isBurst: bucket?.verdict === 'burst', isSaid: bucket !== undefined, state: null };
    }),
    from: seq === '0' ? 0n : BigInt(seq) - 1n,
    to: BigInt(size),
  };
}

const WORST: State[] = ['refuted', 'unasked', 'pending', 'verified'];

interface Counted {
  time: number;
  count: number;
  page: number;
}

/** Counts the bars again from the events, page by page with its certificate. A bar has the worst state of the pages from the event before it to
 * the event after it, and is refuted where the index counts otherwise. Bars before the events that were read stay the index's word. */
export async function countAgain(ledger: string, { step, bars, from, to }: Activity, tell: (words: string) => void): Promise<Bar[]> {
  const start = to - from > MOST_EVENTS ? to - MOST_EVENTS : from;
  const [events, pages]: [Counted[], State[]] = [[], []];
  let before = 0n;
  let isEnd = start === to;
  for (let next = start; next < to; ) {
    const limit = to - next < PAGE ? to - next : PAGE;
    const { text, body } = await ask(`/v1/ledgers/${ledger}/events?first=${next}&limit=${limit}`);
    const { certificate } = body;
    const isAsked = certificate?.log === 'events' && certificate.from === String(next) && body.events.length > 0;
    if (!isAsked) throw new Error(`The API does not give the events from ${next} on with their certificate.`);
    pages.push((await judge(text, ledger)).state);
    for (const { leaf } of body.events) {
      const { time, size } = readEvent(leaf);
      events.push({ time: time.getTime(), count: Number(BigInt(size) - before), page: pages.length - 1 });
      before = BigInt(size);
    }
    next += BigInt(body.events.length);
    isEnd = next === to && certificate.to === String(next) && certificate.head?.size === String(next);
    tell(`${next - start} of ${to - start} events …`);
  }
  const { ms } = STEPS[step];
  let at = 0;
  return bars.map((bar) => {
    while (at < events.length && events[at]!.time < bar.time) at += 1;
    const first = at;
    let count = 0;
    let last = first;
    for (; last < events.length && events[last]!.time < bar.time + ms; last += 1) count += events[last]!.count;
    // Without the event before it, more events may be of this time, unless these are all from the first.
    if (first === 0 && start > 0n) return start > from ? bar : { ...bar, state: 'refuted' };
    const touched = pages.slice(events[Math.max(first - 1, 0)]?.page ?? 0, (events[Math.min(last, events.length - 1)]?.page ?? 0) + 1);
    // The head has more events than were read: some of them may be of this time.
    if (last === events.length && !isEnd) touched.push('pending');
    const state = WORST.find((worst) => touched.includes(worst)) ?? null;
    return { ...bar, count: bar.isSaid ? bar.count : count, state: !bar.isSaid || count === bar.count ? state : 'refuted' };
  });
}
