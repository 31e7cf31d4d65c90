/** Callers of a web function: connections that send one small record after the other, each as soon as the last is answered. */
import autocannon from 'autocannon';
import { benchRecord } from './client.ts';
import { serve } from './serve.ts';

export interface HttpLoad {
  readonly url: string;
  /** Of each connection, in turn. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly durationMs: number;
  /** Unique for each load of an object. */
  readonly name: string;
}

export interface HttpLoaded {
  /** Ids of the records that were answered with 200. */
  readonly acknowledged: readonly string[];
  /** Of those, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Objects that the answers named. */
  readonly objects: readonly string[];
  readonly seconds: number;
  /** Answers with another status, and connections that broke. */
  readonly failed: number;
}

const OBJECT = /"object":"([^"]+)"/;

async function load({ url, paths, headers, connections, durationMs, name }: HttpLoad): Promise<HttpLoaded> {
  const acknowledged: string[] = [];
  const latenciesMs: number[] = [];
  const objects = new Set<string>();
  let clients = 0;
  const options: autocannon.Options = {
    url,
    connections,
    duration: durationMs / 1000,
    setupClient: (client) => {
      const connection = clients++;
      let id = '';
      let sent = 0;
      client.setRequests([
        {
          method: 'POST',
          path: paths[connection % paths.length] ?? '/',
          headers: { ...headers, 'content-type': 'application/json' },
          setupRequest: (request) => {
            id = `${name}-${connection}-${sent++}`;
            return { ...request, body: benchRecord(id).line };
          },
          onResponse: (status, body) => {
            if (status !== 200) return;
            acknowledged.push(id);
            const [, object] = OBJECT.exec(body) ?? [];
            if (object !== undefined) objects.add(object);
          },
        },
      ]);
    },
  };
  const { duration, non2xx, errors } = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    instance.on('response', (_client, status, _bytes, ms) => {
      if (status === 200) latenciesMs.push(ms);
    });
  });
  return { acknowledged, latenciesMs, objects: [...objects], seconds: duration, failed: non2xx + errors };
}

const methods = { load };

export type HttpLoadMethods = typeof methods;
serve(methods);
