/** A target, as `defineConfig` makes it of what `append.config.ts` says: everything is filled in. */
import type { DedupeWindow } from '../append/types.ts';
import type { KeyTemplate } from '../key-template.ts';
import type { Schema } from '../schema/schema.ts';
import type { Access } from './access.ts';
import type { Lanes } from './lanes.ts';

export interface Target {
  readonly name: string;
  readonly format: 'raw' | 'log';
  readonly key: KeyTemplate;
  readonly contentType: string;
  readonly cloudEvents: 'data' | 'event';
  readonly lanes: Lanes | null;
  /** Names of the fields that a payload has to bring, for its key or its lane. */
  readonly fields: readonly string[];
  /** Who may write over HTTP; null leaves it to the deployment. */
  readonly access: Access | null;
  /** Whether HTTP answers with what is in its objects, to whoever may write. */
  readonly readable: boolean;
  /** These are of logs; `raw` objects have none of them. */
  readonly dedupe: DedupeWindow;
  readonly segmentBytesMax: number;
  /** What its records have to fit; null: nothing. */
  readonly schema: Schema | null;
  /** Null: objects stay as they are. */
  readonly retention: Retention | null;
}

export interface Retention {
  /** After the end of the time that an object's key spans, in milliseconds. */
  readonly ageMs: number;
}
