/**
 * Why the constants of lib/append/pace.ts are what they are: many writers of one log, in virtual time.
 *
 * `npx tsx infra/bench/pacing.ts` runs the appender itself, one for each writer, on a store in memory behind round trips
 * that take log-normal times; the compare-and-set is in the middle of the trip. What it prints depends on the seed alone.
 */
import { crc64 } from '../../lib/append/crc64.ts';
import { NotAppended } from '../../lib/append/errors.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { createAppender } from '../../lib/appender.ts';
import { memoryStore } from '../../lib/store/memory.ts';
import type { AppendAnswer, ObjectStore } from '../../lib/store/port.ts';
import { Instance } from '../../test/simulation/instance.ts';
import { Random } from '../../test/simulation/random.ts';
import { Scheduler } from '../../test/simulation/scheduler.ts';
import { runCommand, UsageError } from '../cli/command.ts';
import { roundTripMs } from '../local/oss/network.ts';
import { decimal, quantile } from './report/numbers.ts';

interface Scenario {
  readonly name: string;
  readonly writers: number;
  /** Records a second and writer, at random times; or how many always wait at each writer. */
  readonly perSecond?: number;
  readonly waiting?: number;
  /** Writers start at random times within this. */
  readonly startWithinMs?: number;
  /** How far the clocks are off, either way, at the most. */
  readonly skewMs?: number;
  readonly rttMs?: number;
  readonly rttSigma?: number;
}

const LOAD_MS = 15_000;
const GRACE_MS = 2000;
/** The start is told apart from the rest. */
const START_MS = 2000;
const RTT_MS = 20;
const RTT_SIGMA = 0.3;
const PER_SECOND = 10;
const WAITING = 10;
const KEY = 'log';
const EVENTS_MAX = 10_000_000;
const RECORD = jsonLine(JSON.stringify({ text: 'x'.repeat(180) }));

const open = (writers: number, name: string, more: Partial<Scenario> = {}): Scenario => ({
  name: `${writers} writer${writers === 1 ? '' : 's'}${name}`,
  writers,
  perSecond: PER_SECOND,
  ...more,
});

const SCENARIOS: readonly Scenario[] = [
  ...[1, 2, 4, 16, 64].map((writers) => open(writers, '')),
  ...[2, 3].map((writers) => open(writers, ', a record a second', { perSecond: 1 })),
  ...[16, 64].map((writers) => open(writers, ', one by one in 5 s', { startWithinMs: 5000 })),
  ...[16, 64].map((writers) => open(writers, ', clocks off 3 ms', { skewMs: 3 })),
  ...[16, 64].map((writers) => open(writers, ', clocks off 2 s', { skewMs: 2000 })),
  ...[16, 64].map((writers) => open(writers, ', noise', { rttMs: 30, rttSigma: 0.5 })),
  ...[4, 16, 64].map((writers) => ({ name: `${writers} writers, saturated`, writers, waiting: WAITING })),
];

interface Sent {
  readonly atMs: number;
  outcome: 'read' | AppendAnswer['kind'];
}
interface Waited {
  readonly dueMs: number;
  readonly ms: number;
  readonly ended: boolean;
}

class Measured {
  readonly sent: Sent[] = [];
  readonly waited: Waited[] = [];
}

async function run(scenario: Scenario, seed: number, into: Measured): Promise<void> {
  const { writers, skewMs = 0, startWithinMs = 0 } = scenario;
  const random = new Random(seed);
  const network = { rttMs: scenario.rttMs ?? RTT_MS, rttSigma: scenario.rttSigma ?? RTT_SIGMA };
  const scheduler = new Scheduler(random);
  const memory = memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) });
  const end = LOAD_MS + GRACE_MS;

  /** A request acts in the middle of its round trip. */
  async function trip<A>(act: () => Promise<A>, outcome: (answer: A) => Sent['outcome']): Promise<A> {
    const sent: Sent = { atMs: scheduler.nowMs, outcome: 'read' };
    into.sent.push(sent);
    const halfMs = roundTripMs(network, () => random.next()) / 2;
    const half = () => new Promise<void>((resolve) => scheduler.after(halfMs, resolve));
    await half();
    const answer = await act();
    sent.outcome = outcome(answer);
    await half();
    return answer;
  }
  const store: ObjectStore = {
    head: (...call) =>
      trip(
        () => memory.head(...call),
        () => 'read',
      ),
    read: (...call) =>
      trip(
        () => memory.read(...call),
        () => 'read',
      ),
    append: (...call) =>
      trip(
        () => memory.append(...call),
        ({ kind }) => kind,
      ),
  };

  for (let index = 0; index < writers; index++) {
    const name = `w${index}`;
    const instance = new Instance(name, random.between(-skewMs, skewMs), scheduler, () => {});
    const dice = new Random(seed, index);
    const runtime = instance.runtime(dice);
    const appender = createAppender({ store, runtime, writer: name });
    let records = 0;
    const append = async (again: () => void) => {
      const dueMs = scheduler.nowMs;
      const record = { line: RECORD, id: `${name}-${records++}`, source: 's', timeMs: runtime.now() };
      const done = (ended: boolean) => {
        into.waited.push({ dueMs, ms: scheduler.nowMs - dueMs, ended });
        if (scheduler.nowMs < LOAD_MS) again();
      };
      const remainingMs = () => end - scheduler.nowMs;
      await appender.appendRecords(KEY, [record], { remainingMs }).then(
        () => done(true),
        (error) => {
          if (!(error instanceof NotAppended)) throw error;
          done(false);
        },
      );
    };
    const startMs = random.next() * startWithinMs;
    if (scenario.waiting !== undefined) {
      const again = () => void append(again);
      for (let n = 0; n < scenario.waiting; n++) scheduler.after(startMs, again);
    } else {
      const meanMs = 1000 / (scenario.perSecond ?? PER_SECOND);
      let atMs = startMs;
      for (;;) {
        atMs += -Math.log(1 - dice.next()) * meanMs;
        if (atMs >= LOAD_MS) break;
        scheduler.after(atMs, () => void append(() => {}));
      }
    }
  }
  if (!(await scheduler.run(() => {}, EVENTS_MAX))) throw new Error('It does not end.');
}

function cells({ sent, waited }: Measured, fromMs: number, toMs: number, runs: number): string[] {
  const within = (atMs: number) => atMs >= fromMs && atMs < toMs;
  const requests = sent.filter(({ atMs }) => within(atMs));
  const commits = requests.filter(({ outcome }) => outcome === 'appended').length;
  const conflicts = requests.filter(({ outcome }) => outcome === 'conflict').length;
  const records = waited.filter(({ dueMs }) => within(dueMs));
  const done = records.filter(({ ended }) => ended);
  const trips = (runs * (Math.min(toMs, LOAD_MS) - fromMs)) / RTT_MS;
  const inLoad = requests.filter(({ outcome, atMs }) => outcome === 'appended' && atMs < LOAD_MS).length;
  const ms = (share: number) => {
    const at = quantile(records, share);
    return at === null ? '–' : `${at.atLeast ? '>' : ''}${decimal(at.value, 0)}`;
  };
  return [
    decimal((100 * done.length) / records.length, 1),
    decimal(requests.length / done.length, 2),
    decimal(requests.length / commits, 2),
    decimal(inLoad / trips, 2),
    decimal(conflicts / runs, 0),
    ms(0.5),
    ms(0.99),
    ms(1),
  ];
}

const HEADINGS = [
  'in %',
  'req/record',
  'req/commit',
  'commits/RTT',
  'conflicts',
  'p50 ms',
  'p99 ms',
  'max ms',
];

await runCommand({
  help: `
Show how writers of one log share it, in virtual time.

  --only PART  only the scenario of that name, or all that have PART in it
  --runs N     runs of each, with seeds 1 to N (3)`,
  flags: { only: { type: 'string' }, runs: { type: 'string' } },
  async run({ values }) {
    const runs = Number(values.runs ?? 3);
    const only = values.only ?? '';
    const exact = SCENARIOS.filter(({ name }) => name === only);
    const chosen = exact.length > 0 ? exact : SCENARIOS.filter(({ name }) => name.includes(only));
    if (chosen.length === 0 || !(runs >= 1)) throw new UsageError('See --help.');
    const line = (name: string, parts: readonly string[]) =>
      process.stdout.write(`${name.padEnd(34)}${parts.map((part) => part.padStart(12)).join('')}\n`);
    line('', HEADINGS);
    for (const scenario of chosen) {
      const measured = new Measured();
      for (let seed = 1; seed <= runs; seed++) await run(scenario, seed, measured);
      line(scenario.name, cells(measured, 0, Number.POSITIVE_INFINITY, runs));
      line('  first 2 s', cells(measured, 0, START_MS, runs));
      line('  rest', cells(measured, START_MS, Number.POSITIVE_INFINITY, runs));
    }
  },
});
