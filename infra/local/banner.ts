/** What `npm start` shows: where everything is, and what to try. */
import { styleText } from 'node:util';
import { LOCAL_BUCKET, LOCAL_KEY } from '../cli/stack.ts';
import type { FcPlatform } from './fc/platform.ts';
import type { OssServer } from './oss/server.ts';

export function banner(fc: FcPlatform, oss: OssServer, dataDir: string): string {
  const bold =
    process.stdout.isTTY === true ? (text: string) => styleText('bold', text) : (text: string) => text;
  const hour = 'events/$(date -u +%Y/%m/%d/%H).ndjson';
  return `
${bold('oss-append is running.')} Everything is kept in ${dataDir}. Ctrl-C ends it.

  HTTP   http://127.0.0.1:${fc.httpPort}   POST /append/<target>/<path>
  FC     http://127.0.0.1:${fc.apiPort}   invoke API (2016-08-15, 2023-03-30) and queues
  OSS    ${oss.url}   bucket ${LOCAL_BUCKET}, access key ${LOCAL_KEY.accessKeyId} / ${LOCAL_KEY.accessKeySecret}
${fc.feeds.map(consumed).join('')}
${fc.httpFunctions.map(({ name, authType }) => `  ${name} takes HTTP at http://${name}.localhost:${fc.httpPort}${authType === 'anonymous' ? '' : ` (auth "${authType}" is not enforced here)`}\n`).join('')}
${bold('Try')}, in another terminal:

  curl -X POST http://127.0.0.1:${fc.httpPort}/append/notes/today.txt --data-binary 'hello'
  npm run send -- events '{"order":17}'
  npm run --silent cat -- notes/today.txt
  npm run --silent cat -- "${hour}"
  npm run --silent jobs

`;
}

function consumed({ kind, where, from, queue, functionName }: FcPlatform['feeds'][number]): string {
  const what = kind === 'MQTT' ? `topic ${from} and below` : `queue ${from}`;
  return `  ${kind}   ${where}   ${what}${from === queue ? '' : `, as ${queue}`}, to ${functionName}\n`;
}
