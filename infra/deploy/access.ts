/** Whether the http triggers of s.yaml and the `access` of append.config.ts agree on who may write. */
import type { CheckedTemplate } from './schema.ts';
import { isRecord, type Problem } from './template.ts';

export interface AccessRules {
  /** Targets that leave it to the trigger. */
  readonly leftToTrigger: readonly string[];
  /** Environment variables with secrets. */
  readonly secretVariables: readonly string[];
}

/** A trigger that lets anyone in must not be what anything relies on, and secrets have to be where they are read. */
export function accessProblems({ resources }: CheckedTemplate, rules: AccessRules): readonly Problem[] {
  return Object.entries(resources).flatMap(([name, { props }]) => {
    const { triggers, environmentVariables } = props;
    const at = `resources.${name}.props`;
    const http = triggers.findIndex(({ triggerType }) => triggerType === 'http');
    const trigger = triggers[http];
    if (trigger?.triggerType !== 'http') return [];
    const problems = rules.secretVariables
      .filter((variable) => environmentVariables[variable] === undefined)
      .map((variable) => ({
        path: `${at}.environmentVariables`,
        message: `has no ${variable}, which append.config.ts names; write ${variable}: \${env('${variable}')}`,
      }));
    if (trigger.triggerConfig.authType !== 'anonymous') return problems;
    const path = `${at}.triggers[${http}].triggerConfig.authType`;
    const open = rules.leftToTrigger.map((target) => ({
      path,
      message: `lets anyone in, and the target "${target}" leaves it to the trigger who may write; name its credentials, or say "open"`,
    }));
    if (environmentVariables['APPEND_ACCESS'] === 'trigger') {
      const message =
        'lets anyone in, and APPEND_ACCESS leaves it to the trigger who may write; set APPEND_ACCESS to deny (or open)';
      open.push({ path, message });
    }
    return [...problems, ...open];
  });
}

/** What the targets of a configuration say, as `defineConfig` returns them. */
export function accessRules(targets: unknown): AccessRules {
  const named = targets instanceof Map ? [...targets.values()].filter(isRecord) : [];
  const credentials = named.flatMap(({ access }) => (Array.isArray(access) ? access : [])).filter(isRecord);
  const variables = credentials.map(({ secretVariable }) => secretVariable);
  return {
    leftToTrigger: named.filter(({ access }) => access === 'trigger').map(({ name }) => String(name)),
    secretVariables: [...new Set(variables)].filter((variable) => typeof variable === 'string'),
  };
}
