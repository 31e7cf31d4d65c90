/** Lets pages of other origins at the interface (Fetch standard, "CORS protocol"), if the configuration names them. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { CorsInput } from '../config/cors.ts';

/** What a page may read of an answer, beside what every page may. */
const EXPOSED = [
  'Accept-Ranges',
  'Content-Range',
  'ETag',
  'Link',
  'Producer-Epoch',
  'Producer-Expected-Seq',
  'Producer-Received-Seq',
  'Retry-After',
  'WWW-Authenticate',
];
/** How long a browser may go without asking again. */
const MAX_AGE_S = 600;

/**
 * Answers preflights by itself, before access is asked: browsers send those without credentials. Pages may send every
 * header that they name; cookies are of no use here, so they are not asked for.
 */
export function corsFor({ origins }: CorsInput): MiddlewareHandler {
  return cors({
    origin: origins === '*' ? origins : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    exposeHeaders: EXPOSED,
    maxAge: MAX_AGE_S,
  });
}
