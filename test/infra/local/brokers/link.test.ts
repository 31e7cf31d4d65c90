import { describe, expect, it } from 'vitest';
import { Ending, Link, reasonOf } from '../../../../infra/local/brokers/link.ts';
import { until } from '../fc/support.ts';
import { VirtualClock } from '../fc/virtual.ts';

function link(open: (attempt: number, clock: VirtualClock) => Promise<Ending>) {
  const clock = new VirtualClock();
  const reports: string[] = [];
  const openedAtMs: number[] = [];
  let closed = 0;
  const one = new Link({
    what: 'broker',
    clock,
    report: (type, message) => reports.push(`${type}: ${message}`),
    open: async () => {
      const attempt = openedAtMs.push(clock.now()) - 1;
      const ending = await open(attempt, clock);
      return {
        ended: ending.promise,
        close: async () => {
          closed++;
        },
      };
    },
  });
  return { link: one, clock, reports, openedAtMs, closed: () => closed };
}

describe('a link to a broker', () => {
  it('tries again with growing waits, up to half a minute, and says so once', async () => {
    const {
      link: one,
      reports,
      openedAtMs,
    } = link(async () => {
      throw new Error('connect ECONNREFUSED');
    });
    one.start();
    await until(() => openedAtMs.length >= 8);
    await one.stop();
    const seconds = openedAtMs.slice(0, 8).map((ms) => ms / 1000);
    expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    expect(reports).toEqual([
      'broker-unreachable: broker: connect ECONNREFUSED. It is tried again until it answers.',
    ]);
  });

  it('says when it is connected, when that ends, and when it is back', async () => {
    const {
      link: one,
      reports,
      openedAtMs,
    } = link(async (attempt, clock) => {
      if (attempt === 1) throw new Error('still gone');
      const ending = new Ending(() => undefined);
      if (attempt === 0) void clock.at(100_000).then(() => ending.end('the connection was closed'));
      return ending;
    });
    one.start();
    await until(() => reports.length === 3);
    await one.stop();
    expect(reports.map((line) => line.slice(0, 60))).toEqual([
      'broker-connected: broker',
      'broker-unreachable: broker: the connection was closed. It is',
      'broker-connected: broker',
    ]);
    // A connection that held for a while starts the waits anew.
    expect(openedAtMs).toEqual([0, 101_000, 103_000]);
  });

  it('does not wait for a connection that is still being opened when it is stopped, and closes it', async () => {
    let finish: (ending: Ending) => void = () => undefined;
    const { link: one, closed } = link(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    one.start();
    await one.stop();
    expect(closed()).toBe(0);
    finish(new Ending(() => undefined));
    await until(() => closed() === 1);
  });

  it('tells an end once', async () => {
    let ends = 0;
    const ending = new Ending(() => ends++);
    ending.end('first');
    ending.end('second');
    expect([await ending.promise, ends, ending.over]).toEqual(['first', 1, true]);
  });

  it('has a reason for every error', () => {
    expect(reasonOf(new AggregateError([new Error('ECONNREFUSED ::1')]))).toBe('ECONNREFUSED ::1');
    expect(reasonOf(new TypeError())).toBe('TypeError');
    expect(reasonOf('text')).toBe('text');
  });
});
