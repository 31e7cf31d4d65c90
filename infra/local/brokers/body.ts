/**
 * A message's body as EventBridge shows it: a JSON object or array stands in the event as it is, everything else is a
 * string. A body that is another JSON value loses nothing by that, and so keeps its bytes. How bytes that are not UTF-8
 * are shown is not documented; here they are base64, as SMQ's are.
 */
import { utf8 } from '../fc/http/event.ts';

/** JSON text. */
export function bodyText(body: Buffer): string {
  const text = utf8(body);
  if (text === null) return JSON.stringify(body.toString('base64'));
  return /^\s*[[{]/.test(text) && isJson(text) ? text : JSON.stringify(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
