import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tree } from './tree.ts';

/** Beyond this a file has more than one reason to change. */
const LINES_MAX = 400;

const files = tree();
const MACHINE_MADE = /^package-lock\.json$/;

/** Every place where the pattern is found in the files of a kind, as `file:line: what`. */
function places(kind: RegExp, pattern: RegExp): readonly string[] {
  const every = new RegExp(pattern, 'g');
  return [...files]
    .filter(([file]) => kind.test(file) && !MACHINE_MADE.test(file))
    .flatMap(([file, content]) =>
      content
        .split('\n')
        .flatMap((line, at) => [...line.matchAll(every)].map(([found]) => `${file}:${at + 1}: ${found}`)),
    );
}

const text = (file: string): string => files.get(file) ?? '';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

describe('the repository', () => {
  it('is looked at whole', () => {
    expect(files.size).toBeGreaterThan(50);
    expect(places(/\.ts$/, /^import /).length).toBeGreaterThan(100);
  });

  it('leaves nothing for later', () => {
    expect(places(/./, /\b(TO[D]O|FIX[M]E)\b/)).toEqual([]);
  });

  it('runs all of its tests', () => {
    const left = places(
      /^test\/.*\.ts$/,
      /\b(it|test|describe|suite)(\.\w+)*\.(only|skip|skipIf|runIf|todo|fails)\b/,
    );
    // What needs a real broker says that it was skipped where there is none.
    const needBroker =
      /^test\/(?:infra\/local\/brokers\/[\w-]+|e2e\/(?:brokers|rabbitmq))\.test\.ts:\d+: describe\.skipIf$/;
    expect(left.filter((place) => !needBroker.test(place))).toEqual([]);
  });

  it(`has no file of TypeScript over ${LINES_MAX} lines`, () => {
    const long = [...files]
      .filter(([file]) => file.endsWith('.ts'))
      .map(([file, content]) => ({ file, lines: content.split('\n').length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX)
      .map(({ file, lines }) => `${file} has ${lines} lines: split it by what makes it change`);
    expect(long).toEqual([]);
  });

  it('deploys every function, and nothing that is none', () => {
    const functions = [...files.keys()].flatMap((file) => /^functions\/([^/]+)\.ts$/.exec(file)?.[1] ?? []);
    const template: unknown = parse(text('s.yaml'));
    const resources = isRecord(template) && isRecord(template['resources']) ? template['resources'] : {};
    const deployed = Object.values(resources).map((resource) =>
      isRecord(resource) && isRecord(resource['props']) ? resource['props']['code'] : undefined,
    );
    expect(functions.length).toBeGreaterThan(0);
    expect(deployed.sort()).toEqual(functions.map((name) => `./dist/${name}`).sort());
  });

  it('names no registry in package-lock.json, so that it installs from any', () => {
    expect(text('package-lock.json')).toContain('"lockfileVersion"');
    expect(text('package-lock.json').match(/"resolved": "[^"]*"/g) ?? []).toEqual([]);
  });

  it('cites only sections that PROTOCOL.md has', () => {
    const headings = new Set(
      text('PROTOCOL.md')
        .split('\n')
        .flatMap((line) => /^#{2,} (\d+(?:\.\d+)*)\.? /.exec(line)?.[1] ?? []),
    );
    expect(headings.size).toBeGreaterThan(0);
    // `PROTOCOL.md §4.2`, and in PROTOCOL.md itself `§4.2` alone.
    const cited = [
      ...places(/\.(ts|md|yaml)$/, /(?<=PROTOCOL\.md[)`]* )§[\d.]*\d/),
      ...places(/^PROTOCOL\.md$/, /§[\d.]*\d/),
    ];
    expect(cited.length).toBeGreaterThan(0);
    expect(cited.filter((place) => !headings.has(place.slice(place.lastIndexOf('§') + 1)))).toEqual([]);
  });

  it('names no directory of the machine it was written on', () => {
    expect(places(/./, /(?<![\w.~-])\/(wor[k]|roo[t])\//)).toEqual([]);
  });
});
