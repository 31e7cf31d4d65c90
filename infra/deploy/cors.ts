/** Whether the http triggers of s.yaml let preflights through to the `cors` of append.config.ts. */
import type { CheckedTemplate } from './schema.ts';
import type { Problem } from './template.ts';

/** Function Compute answers a preflight itself, for every origin, where the trigger does not take `OPTIONS`. */
export function corsProblems({ resources }: CheckedTemplate, hasCors: boolean): readonly Problem[] {
  if (!hasCors) return [];
  return Object.entries(resources).flatMap(([name, { props }]) =>
    props.triggers.flatMap((trigger, index) => {
      if (trigger.triggerType !== 'http') return [];
      const at = `resources.${name}.props.triggers[${index}].triggerConfig`;
      const { methods, authType } = trigger.triggerConfig;
      if (!methods.includes('OPTIONS')) {
        const message =
          'has no OPTIONS, and append.config.ts has cors: Function Compute would answer preflights itself, and let every origin in; add OPTIONS';
        return [{ path: `${at}.methods`, message }];
      }
      if (authType === 'anonymous') return [];
      const message = `is ${authType}, and append.config.ts has cors: browsers send preflights without credentials, so the trigger would refuse them; write anonymous, and give the targets access`;
      return [{ path: `${at}.authType`, message }];
    }),
  );
}
