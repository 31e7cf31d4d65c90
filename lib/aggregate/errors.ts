/** A job that cannot go on. The message says what to do; programs read `code`. */
export type JobErrorCode =
  /** The configuration puts rows elsewhere, or names them otherwise, than the job has done so far. */
  | 'JobChanged'
  /** There are parts where the job's rows go, and no log that tells of them. */
  | 'JobLogMissing'
  /** A source object is shorter than what was claimed of it, or is another kind of object. */
  | 'SourceReplaced'
  /** A part is not what its commit says. */
  | 'OutputReplaced'
  /** What retention would remove is not all there in parts. */
  | 'OutputMissing'
  /** No group of the source has this name. */
  | 'UnknownGroup'
  /** A group whose objects are gone cannot be made anew. */
  | 'SourceRetired'
  /** A result has a column with one of the names that every row has. */
  | 'ReservedColumn'
  /** The time was up, and another try has as little. */
  | 'OutOfTime';

export class JobError extends Error {
  override readonly name = 'JobError';
  readonly code: JobErrorCode;

  constructor(code: JobErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
