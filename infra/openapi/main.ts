/** `npm run openapi`: the HTTP interface of append.config.ts as an OpenAPI document, on standard output. */
import config from '../../append.config.ts';
import manifest from '../../package.json' with { type: 'json' };
import { runCommand, UsageError } from '../cli/command.ts';
import { openApiDocument } from './document.ts';

const POLICIES = ['open', 'trigger', 'deny'] as const;

await runCommand({
  help: `
Write the HTTP interface of append.config.ts as an OpenAPI 3.1 document to standard output.

  npm run --silent openapi > openapi.json

  --access POLICY   what APPEND_ACCESS says where it is deployed: open, trigger or deny  (default: trigger, as s.yaml has it)
  --server URL      where the function is

Targets that nobody may call are left out. Names and hashes of credentials are not told.`,
  flags: { access: { type: 'string', default: 'trigger' }, server: { type: 'string' } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`What is ${positionals[0]}? See --help.`);
    const access = POLICIES.find((policy) => policy === values.access);
    if (access === undefined)
      throw new UsageError(`--access ${values.access}: write ${POLICIES.join(', ')}.`);
    if (values.server !== undefined && !URL.canParse(values.server))
      throw new UsageError(`--server ${values.server}: write a URL.`);
    const document = openApiDocument({ config, access, version: manifest.version, server: values.server });
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  },
});
