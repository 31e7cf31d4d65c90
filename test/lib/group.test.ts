import { describe, expect, it } from 'vitest';
import { NotAppended } from '../../lib/append/errors.ts';
import { type GroupCall, GroupCommit, type GroupOptions } from '../../lib/group.ts';

interface Call extends GroupCall {
  readonly name: string;
}

const call = (name: string, bytes = 1, alone = false): Call => ({
  name,
  bytes,
  alone,
  remainingMs: () => 1000,
});

/** A group whose appends end when the test says so. */
function group(options: Partial<GroupOptions<Call, string, string>> = {}) {
  const commits: {
    names: string;
    state: string | null;
    end(): void;
    later(): void;
    fail(error: unknown): void;
  }[] = [];
  const commit = new GroupCommit<Call, string, string>({
    commit: (_key, calls, state) =>
      new Promise((resolve, reject) => {
        const names = calls.map(({ name }) => name).join('');
        const end = () => resolve({ state: names, results: calls.map(({ name }) => name.toUpperCase()) });
        const later = () => resolve({ state: 'later', results: null });
        commits.push({ names, state, end, later, fail: reject });
      }),
    afterShared: (error) => error,
    after: () => () => {},
    ...options,
  });
  /** Ends the appends one after the other until there are none. */
  const finish = async () => {
    for (let done = 0; done < commits.length; done++) {
      commits[done]?.end();
      await Promise.resolve().then(() => new Promise(setImmediate));
    }
  };
  return { commit, commits, finish, names: () => commits.map(({ names }) => names) };
}

describe('group commit', () => {
  it('sends a lone call at once and joins what comes meanwhile, in order', async () => {
    const { commit, names, finish, commits } = group();
    const results = ['a', 'b', 'c'].map((name) => commit.submit('k', call(name)));
    expect(names()).toEqual(['a']);
    await finish();
    expect(names()).toEqual(['a', 'bc']);
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C']);
    expect(commits.map(({ state }) => state)).toEqual([null, 'a']);
  });

  it('keeps objects apart', async () => {
    const { commit, names, finish } = group();
    const results = [commit.submit('k', call('a')), commit.submit('l', call('b'))];
    expect(names()).toEqual(['a', 'b']);
    await finish();
    expect(await Promise.all(results)).toEqual(['A', 'B']);
  });

  it('bounds an append by bytes and by calls, and takes one that is larger by itself', async () => {
    const { commit, names, finish } = group({ bytesMax: 4, callsMax: 3 });
    const results = ['a', 'b', 'c', 'd', 'e'].map((name) => commit.submit('k', call(name)));
    for (const [name, bytes] of [
      ['f', 9],
      ['g', 2],
      ['h', 2],
      ['i', 2],
    ] as const)
      results.push(commit.submit('k', call(name, bytes)));
    await finish();
    expect(names()).toEqual(['a', 'bcd', 'e', 'f', 'gh', 'i']);
    expect(await Promise.all(results)).toHaveLength(9);
  });

  it('turns a call away when too much is waiting, and takes calls again after that', async () => {
    const { commit, finish } = group({ waitingBytesMax: 4 });
    const taken = [commit.submit('k', call('a', 3)), commit.submit('k', call('b', 4))];
    await expect(commit.submit('k', call('c', 1))).rejects.toBeInstanceOf(NotAppended);
    await finish();
    expect(await Promise.all(taken)).toEqual(['A', 'B']);
    const later = commit.submit('k', call('d', 3));
    await finish();
    expect(await later).toBe('D');
  });

  it('forgets the state after a failure and goes on with the next', async () => {
    const { commit, commits, finish } = group();
    const failing = commit.submit('k', call('a'));
    const next = commit.submit('k', call('b'));
    commits[0]?.fail(new Error('no'));
    await expect(failing).rejects.toThrow('no');
    await finish();
    expect(await next).toBe('B');
    expect(commits[1]?.state).toBeNull();
  });

  it('tries the calls of a failed append again one by one, if they may', async () => {
    const { commit, commits, names, finish } = group({
      afterShared: (error, { name }) => (name === 'c' ? error : null),
    });
    const results = ['a', 'b', 'c', 'd'].map((name) => commit.submit('k', call(name)));
    commits[0]?.end();
    await results[0];
    await new Promise(setImmediate);
    commits[1]?.fail(new Error('no'));
    await expect(results[2]).rejects.toThrow('no');
    await finish();
    expect(names()).toEqual(['a', 'bcd', 'b', 'd']);
    expect(await results[3]).toBe('D');
  });

  it('gives calls again, with what has come meanwhile, when it was not the time for them', async () => {
    const { commit, commits, names, finish } = group();
    const first = commit.submit('k', call('a'));
    const second = commit.submit('k', call('b'));
    commits[0]?.later();
    await finish();
    expect(names()).toEqual(['a', 'ab']);
    expect(commits[1]?.state).toBe('later');
    expect(await Promise.all([first, second])).toEqual(['A', 'B']);
  });

  it('lets callers that go on at once share the next append', async () => {
    const { commit, names, finish } = group();
    const twice = async (name: string) => {
      await commit.submit('k', call(name));
      await commit.submit('k', call(name));
    };
    const all = Promise.all(['a', 'b', 'c'].map(twice));
    await finish();
    await all;
    expect(names()).toEqual(['a', 'bca', 'bc']);
  });

  it('forgets the object that was used longest ago', async () => {
    const { commit, commits, finish } = group({ objectsKept: 2 });
    for (const key of ['k', 'l', 'k', 'm', 'k', 'l']) {
      const result = commit.submit(key, call(key));
      commits.at(-1)?.end();
      await result;
      await finish();
    }
    expect(commits.map(({ state }) => state)).toEqual([null, null, 'k', null, 'k', null]);
  });
});
