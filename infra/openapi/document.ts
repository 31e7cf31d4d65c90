/**
 * The HTTP interface of a configuration as an OpenAPI 3.1 document: a path for each target, with the parameters of its key,
 * its schema, who may call, and every answer that there is.
 *
 * No function serves it: it names targets and shows their schemas, and those who may not write are told neither.
 */
import type { Policy } from '../../lib/config/access-input.ts';
import type { Config } from '../../lib/config.ts';
import { APPEND } from '../../lib/http/route.ts';
import type { JsonSchema } from '../../lib/schema/types.ts';
import { appendOperation, type Called, problemResponses, readOperations } from './operations.ts';
import { type Json, schemas } from './schemas.ts';
import { type SchemeName, schemesOf, securitySchemes } from './security.ts';

export interface DocumentOptions {
  readonly config: Config;
  /** What the deployment says of targets that do not say who may call (`APPEND_ACCESS`). */
  readonly access: Policy;
  readonly version: string;
  /** Where the functions are, if that is known. */
  readonly server?: string | undefined;
}

export function openApiDocument({ config, access, version, server }: DocumentOptions): Json {
  const called = [...config.targets.values()].flatMap((target): Called[] => {
    const schemes = schemesOf(target, access);
    return schemes === null
      ? []
      : [{ target, schemes, schema: target.schema === null ? null : `Record.${target.name}` }];
  });
  const used = new Set<SchemeName>(called.flatMap(({ schemes }) => schemes));
  const records = called.flatMap(({ target, schema }) =>
    target.schema === null || schema === null
      ? []
      : [[schema, embedded(target.name, target.schema.document)] as const],
  );
  return {
    openapi: '3.1.1',
    info: {
      title: 'oss-append',
      version,
      description:
        'Appends payloads to objects in OSS. Whatever is not listed here is answered as the component "Elsewhere…" of the status says: 404 for a target or a path that is not there, 405 for a method, 401 or 403 for what is not for the caller.',
    },
    ...(server !== undefined && { servers: [{ url: server }] }),
    paths: {
      '/': { get: plain('What is where.', { service: { const: 'oss-append' }, append: {}, read: {} }) },
      '/health': { get: plain('It runs.', { status: { const: 'ok' } }) },
      ...Object.fromEntries(called.flatMap((one) => pathItem(one, config.cors !== null))),
    },
    components: {
      schemas: { ...schemas, ...Object.fromEntries(records) },
      responses: Object.fromEntries(
        Object.entries(problemResponses('none')).map(([status, response]) => [
          `Elsewhere${status}`,
          response,
        ]),
      ),
      securitySchemes: Object.fromEntries([...used].map((name) => [name, securitySchemes[name]])),
    },
  };
}

/** None for a target that has nothing to call: its keys are from queues, and it is not for reading. */
function pathItem(called: Called, hasCors: boolean): (readonly [string, Json])[] {
  const { target } = called;
  const item: Json = {
    ...(target.readable && readOperations(called)),
    ...(!target.key.usesQueue && { post: appendOperation(called) }),
  };
  if (Object.keys(item).length === 0) return [];
  const preflight = {
    options: { summary: 'Preflight.', security: [], responses: { 204: { description: 'As CORS has it.' } } },
  };
  const path = `${APPEND}${target.name}${target.key.usesPath ? '/{path}' : ''}`;
  return [[path, { ...item, ...(hasCors && withPath(preflight, target.key.usesPath)) }]];
}

function withPath({ options }: { readonly options: Json }, usesPath: boolean): Json {
  const path = { name: 'path', in: 'path', required: true, schema: { type: 'string' } };
  return { options: { ...options, ...(usesPath && { parameters: [path] }) } };
}

/** References in it are to places in it, so it needs a name of its own. */
function embedded(target: string, document: JsonSchema): JsonSchema {
  return typeof document === 'boolean' ? document : { $id: `urn:oss-append:record:${target}`, ...document };
}

function plain(summary: string, properties: Readonly<Record<string, Json>>): Json {
  const schema = {
    type: 'object',
    required: Object.keys(properties),
    properties,
    additionalProperties: false,
  };
  return {
    summary,
    security: [],
    responses: { 200: { description: summary, content: { 'application/json': { schema } } } },
  };
}
