/** Reads the records of a log page after page. */
import type { HttpBench } from '../support.ts';

/** What `Link: <…>; rel="next"` says. */
export function nextOf(response: Response): string {
  const [, path] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  if (path === undefined) throw new Error('no link to the next');
  return path;
}

/** Page after page, until one is empty that leads to itself. */
export async function pages({ send }: Pick<HttpBench, 'send'>, first: string): Promise<string[]> {
  const found: string[] = [];
  for (let path = first; ; ) {
    const response = await send('GET', path);
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    const next = nextOf(response);
    const text = await response.text();
    if (text === '' && next === path) return found;
    if (text !== '') found.push(text);
    path = next;
  }
}
