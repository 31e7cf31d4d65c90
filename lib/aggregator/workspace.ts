/** Where a run keeps files while it works on a claim. */
export interface Workspace {
  /** Gives `use` a new, empty directory, and removes it afterwards with all that is in it. */
  within<T>(use: (directory: string) => Promise<T>): Promise<T>;
  /** Makes a file of `pieces`. */
  write(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes of a file, cut anywhere. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
}
