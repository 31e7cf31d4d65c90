import type { Scale, Suite } from '../suite.ts';
import { aggregate } from './aggregate.ts';
import { batch } from './batch.ts';
import { coldStart } from './cold-start.ts';
import { coldWriter } from './cold-writer.ts';
import { contended } from './contended.ts';
import { lanes } from './lanes.ts';
import { lone } from './lone.ts';
import { lostAnswers } from './lost-answers.ts';
import { saturation } from './saturation.ts';
import { web } from './web.ts';

/** Everything that is measured, in the order of the report. */
export const suites = (scale: Scale): readonly Suite[] =>
  [contended, saturation, lanes, lostAnswers, lone, batch, web, coldStart, coldWriter, aggregate].map(
    (suite) => suite(scale),
  );
