/** Key templates as values of the configuration. */
import * as z from 'zod/mini';
import { InvalidTemplate, type KeyTemplate, parseTemplate } from '../key-template.ts';

/** For a transform: a template that is none is an issue at its place. `segmented`: it is of a log. */
export function templateOf(text: string, segmented: boolean, context: z.core.ParsePayload): KeyTemplate {
  try {
    return parseTemplate(text, { segmented });
  } catch (error) {
    if (!(error instanceof InvalidTemplate)) throw error;
    context.issues.push({ code: 'custom', message: error.message, input: text });
    return z.NEVER;
  }
}
