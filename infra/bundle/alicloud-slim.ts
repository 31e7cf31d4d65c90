/**
 * An esbuild plugin that leaves out of a bundle what the clients of Function Compute bring along, and an invocation of a
 * function never comes to: models of all other operations, WebSockets, proxies, and another HTTP client. Without it they
 * take 1.3 MB, and look for packages when they run that a bundle does not hold.
 *
 * What is left out throws, and names itself, if it is reached after all. The reasons were checked with one version of each
 * client; the build fails with any other until they are checked again.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';

const CHECKED_VERSIONS: Readonly<Record<string, string>> = {
  '@alicloud/fc2': '2.6.6',
  '@alicloud/fc20230330': '4.7.6',
};

/** By package that requires them. */
const UNUSED: Readonly<Record<string, readonly string[]>> = {
  // WebSocket calls of functions; the console's session.
  '@alicloud/fc2': ['ws', 'axios'],
  // WebSocket calls; times, XML and proxies of other services.
  '@darabonba/typescript': [
    'ws',
    'moment',
    'xml2js',
    'http-proxy-agent',
    'https-proxy-agent',
    'socks-proxy-agent',
  ],
};

/** Of `./models/model`, which has one for each operation. */
const MODELS = ['InvokeFunctionRequest', 'InvokeFunctionHeaders', 'InvokeFunctionResponse'];

const CLIENTS = /[\\/]node_modules[\\/](@alicloud[\\/](?:fc2|fc20230330))[\\/](?:lib|dist)[\\/]client\.js$/;
const INSIDE = /[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/](?!.*[\\/]node_modules[\\/])/;
const NAMESPACE = 'alicloud-slim';

const unused = (name: string) => `
  const fail = () => {
    throw new Error('${name} was reached, which alicloud-slim leaves out of this bundle. Take it off the list there.');
  };
  const get = (_, key) => (typeof key === 'symbol' || key === '__esModule' ? undefined : fail());
  module.exports = new Proxy(function () {}, { get, apply: fail, construct: fail });`;

export function alicloudSlim(): Plugin {
  return {
    name: NAMESPACE,
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path: wanted, importer, resolveDir }) => {
        const from = (INSIDE.exec(importer)?.[1] ?? '').replace('\\', '/');
        const isLeftOut = UNUSED[from]?.includes(wanted) === true;
        const isModels = from === '@alicloud/fc20230330' && wanted === './models/model';
        // Nothing is lost but `DEBUG`, which would print what is signed.
        const isDebug = wanted === 'debug' && (from === 'httpx' || from.startsWith('@alicloud/'));
        if (!isLeftOut && !isModels && !isDebug) return undefined;
        return { path: wanted, namespace: NAMESPACE, pluginData: resolveDir };
      });
      build.onLoad({ filter: /./, namespace: NAMESPACE }, ({ path: wanted, pluginData: resolveDir }) => {
        if (wanted === 'debug')
          return { contents: 'module.exports = () => Object.assign(() => {}, { enabled: false });' };
        if (wanted !== './models/model') return { contents: unused(wanted) };
        const models = MODELS.map((name) => `require('./models/${name}')`);
        return { contents: `module.exports = Object.assign({}, ${models.join(', ')});`, resolveDir };
      });
      build.onLoad({ filter: CLIENTS }, async ({ path: file }) => {
        const name = (CLIENTS.exec(file)?.[1] ?? '').replace('\\', '/');
        const manifest: unknown = JSON.parse(
          await readFile(path.join(path.dirname(file), '..', 'package.json'), 'utf8'),
        );
        const version =
          manifest !== null && typeof manifest === 'object' && 'version' in manifest && manifest.version;
        if (version === CHECKED_VERSIONS[name]) return undefined;
        const text = `${name} is ${version}, but alicloud-slim was checked with ${CHECKED_VERSIONS[name]}. Check its reasons again.`;
        return { errors: [{ text }] };
      });
    },
  };
}
