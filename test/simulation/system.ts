/** The code under test, as the simulation uses it. */
import { createAppender } from '../../lib/appender.ts';
import { entomb } from '../../lib/entomb.ts';
import { createRetirer } from '../../lib/retirer.ts';
import { StoreError } from '../../lib/store/port.ts';

/** What is put to the test. A mutant is another one. */
export interface System {
  readonly createAppender: typeof createAppender;
  readonly createRetirer: typeof createRetirer;
  readonly StoreError: typeof StoreError;
  readonly entomb: typeof entomb;
}
export const REAL: System = { createAppender, createRetirer, StoreError, entomb };
