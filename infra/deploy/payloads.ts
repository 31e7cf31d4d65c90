/** Whether the payloads that timers have in s.yaml can be appended to the targets that append.config.ts gives them. */
import type { Target } from '../../lib/config.ts';
import { IntakeError } from '../../lib/intake/errors.ts';
import { assertFits } from '../../lib/intake/fit.ts';
import { rawBytes, recordOf } from '../../lib/intake/payload.ts';
import { firingContent } from '../../lib/intake/schedule.ts';
import type { CheckedTemplate } from './schema.ts';
import type { Problem } from './template.ts';

/** A firing that is refused is refused every time. */
export function payloadProblems(
  { resources }: CheckedTemplate,
  targets: ReadonlyMap<string, Target>,
): readonly Problem[] {
  return Object.entries(resources).flatMap(([name, { props }]) =>
    props.triggers.flatMap((trigger, index) => {
      const target = targets.get(trigger.triggerName);
      if (trigger.triggerType !== 'timer' || target === undefined) return [];
      const why = refusalOf(target, trigger.triggerName, trigger.triggerConfig.payload ?? '');
      const path = `resources.${name}.props.triggers[${index}].triggerConfig.payload`;
      return why === null ? [] : [{ path, message: `${target.name} would refuse it: ${why}` }];
    }),
  );
}

function refusalOf(target: Target, triggerName: string, payload: string): string | null {
  const content = firingContent(target, triggerName, '2026-01-01T00:00:00Z', payload);
  try {
    if (target.format === 'raw') rawBytes(content);
    else if (target.schema !== null)
      assertFits(target.schema, recordOf(content, { source: 'schedule', id: triggerName, timeMs: 0 }));
    return null;
  } catch (error) {
    if (!(error instanceof IntakeError)) throw error;
    const places = error.misfits.map(({ pointer, keyword }) => `${keyword} at "${pointer}"`);
    return [error.message, ...places].join(' ');
  }
}
