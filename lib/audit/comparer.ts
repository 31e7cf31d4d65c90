/** What an audit asks of an engine: are the rows that a job made the records of the logs, each once? */
export interface Comparer {
  /** Throws `EngineError` if a file is none that a job makes. */
  compare(work: CompareWork): Promise<Comparison>;
}

export interface CompareWork {
  /** Local file of lines as `factOf` makes them. */
  readonly facts: string;
  /** Of each object that the facts name by its number: its key, and how far the job has committed it. */
  readonly objects: readonly { readonly number: number; readonly key: string; readonly end: number }[];
  /** Local files of all rows that the job has of these objects and of those that are no more. */
  readonly files: readonly string[];
  /** For files of its own; removed by the caller. */
  readonly directory: string;
}

export interface Comparison {
  /** Records of the logs as far as the job has committed them, and how many of them have names of their own. */
  readonly records: number;
  readonly distinct: number;
  /** Rows of the files, and the sum of their content hashes, modulo 2⁶⁴. */
  readonly rows: number;
  readonly hash: bigint;
  /** Rows of objects that are no more: there is nothing to compare them with. */
  readonly rowsOfRetired: number;
  /** Records without a row. */
  readonly missing: Difference;
  /** Rows that are no record, or not as it is in the log. */
  readonly unknown: Difference;
  /** Rows of a record that has one already. */
  readonly twice: Difference;
}

export interface Difference {
  readonly count: number;
  /** The first of them: the place in the logs that it is, or says that it is, of. */
  readonly first: { readonly object: string; readonly start: number; readonly record: number } | null;
}
