/**
 * An esbuild plugin that leaves out of a bundle what ali-oss loads but `lib/store/oss*.ts` never runs.
 *
 * Without it ali-oss brings 0.9 MB (half of it character tables for its HTTP client), a `require` of a package that is
 * not installed, and some 55 ms of every cold start. What stays is the client with its operations, settings and addresses;
 * signing and sending are in `lib/store/oss-client.ts`.
 *
 * Each replacement below says why it is sound. One that is left out throws, and names itself, if it is reached after all.
 * The reasons were checked against one version of ali-oss; the build fails with any other until they are checked again.
 */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';

const CHECKED_VERSION = '6.23.0';

/** A function that says that what it stands for was left out. */
const leftOut = (name: string) => `() => {
    throw new Error('${name} was reached, which ali-oss-slim leaves out of this bundle. Take it off the list there.');
  }`;

/** Stands for a module that is loaded but not used. Looking at it as a module, or at its type, is not using it. */
const unused = (name: string) => `
  const fail = ${leftOut(name)};
  const get = (_, key) => (typeof key === 'symbol' || key === '__esModule' ? undefined : fail());
  module.exports = new Proxy(function () {}, { get, apply: fail, construct: fail });`;

/** For a module that ali-oss merges into its client: the client goes without its methods. */
const NO_METHODS = () => 'module.exports = {};';

/** Packages that ali-oss requires. */
const PACKAGES: Readonly<Record<string, (name: string) => string>> = {
  // The default HTTP client. We always pass our own as `options.urllib`.
  urllib: unused,
  // Agents for that client. Two are made when ali-oss loads, and only urllib would ever use them.
  agentkeepalive: () => 'module.exports = class Agent {}; module.exports.HttpsAgent = class HttpsAgent {};',
  'stream-wormhole': unused, // Drains streamed answers: getStream.
  // Parses listings and error documents. Bodies of answers are kept from ali-oss; `lib/store/oss-bucket.ts` reads lists.
  xml2js: unused,
  bowser: unused, // Tells browsers apart, in multipart uploads from one.
  platform: () => 'module.exports = {};', // The User-Agent then names Node's version itself.
  pump: unused, // Uploads of streams; we hand over bytes.
  mime: unused, // Guesses a Content-Type from a file name; what we send says its own.
  // Nothing is lost but `DEBUG=ali-oss`, which would print what is signed.
  debug: () => 'module.exports = () => () => {};',
  utility: unused, // Encodes keys of addresses. We ask for the address of the bucket only.
  qs: unused, // Only in ali-oss's own signatures, for which `lib/store/oss-sign.ts` stands in.
  dateformat: unused, // Dates of requests that ali-oss would make.
};

/** Modules of ali-oss itself, as its `lib/client.js` requires them. */
const MODULES: Readonly<Record<string, (name: string) => string>> = {
  './bucket': NO_METHODS,
  './common/bucket': NO_METHODS,
  './common/image': NO_METHODS,
  './common/multipart': NO_METHODS,
  './common/multipart-copy': NO_METHODS,
  './common/parallel': NO_METHODS,
  './managed-upload': NO_METHODS,
  './rtmp': NO_METHODS,
  // Clients of other kinds, made from the plain one: `OSS.ImageClient`, `OSS.ClusterClient`, `OSS.STS`.
  './image': () => 'module.exports = () => undefined;',
  './cluster': () => 'module.exports = () => undefined;',
  './sts': () => 'module.exports = undefined;',
  './common/signUtils': unused, // `lib/store/oss-sign.ts` stands in.
  // Makes a request of a call, in the client's method `request`, which `lib/store/oss-client.ts` replaces.
  './common/utils/createRequest': (name) => `exports.createRequest = ${leftOut(name)};`,
  // Only its version is read, for the User-Agent.
  '../package.json': () => `exports.version = '${CHECKED_VERSION}';`,
};

const INSIDE_ALI_OSS = /[\\/]node_modules[\\/]ali-oss[\\/]lib[\\/]/;
const CLIENT = /[\\/]node_modules[\\/]ali-oss[\\/]lib[\\/]client\.js$/;
const NAMESPACE = 'ali-oss-slim';

export function aliOssSlim(): Plugin {
  return {
    name: NAMESPACE,
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path: wanted, importer }) => {
        const replaced =
          (INSIDE_ALI_OSS.test(importer) && Object.hasOwn(PACKAGES, wanted)) ||
          (CLIENT.test(importer) && Object.hasOwn(MODULES, wanted));
        return replaced ? { path: wanted, namespace: NAMESPACE } : undefined;
      });
      build.onLoad({ filter: /./, namespace: NAMESPACE }, ({ path: wanted }) => {
        return { contents: (PACKAGES[wanted] ?? MODULES[wanted] ?? unused)(wanted), loader: 'js' };
      });
      build.onLoad({ filter: CLIENT }, async ({ path: file }) => {
        const manifest: unknown = JSON.parse(
          await readFile(path.join(path.dirname(file), '..', 'package.json'), 'utf8'),
        );
        const version =
          manifest !== null && typeof manifest === 'object' && 'version' in manifest && manifest.version;
        if (version === CHECKED_VERSION) return undefined;
        const text = `ali-oss is ${version}, but ali-oss-slim was checked with ${CHECKED_VERSION}. Check its reasons again.`;
        return { errors: [{ text }] };
      });
    },
  };
}
