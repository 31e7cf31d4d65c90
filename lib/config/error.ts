/** Everything that is wrong with the configuration or the environment, one line a mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Each names the field and says what to write there. */
  readonly problems: readonly string[];

  constructor(summary: string, problems: readonly string[]) {
    super([`${summary}:`, ...problems].join('\n  '));
    this.problems = problems;
  }
}
