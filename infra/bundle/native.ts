/**
 * Packages with machine code. A bundle cannot hold them, so they lie beside it, in a `node_modules` of the function's own,
 * as they were installed: for the platform that functions are deployed to, and for this machine, where they run too.
 */
import { copyFile, link, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** Function Compute's built-in runtimes (documentation, "Runtime environments"): Debian on x86-64. */
const DEPLOYED = 'linux-x64';

/** What a package needs, by its name; those of platforms are named with the platform's. */
const PARTS: Readonly<Record<string, (platform: string) => readonly string[]>> = {
  '@duckdb/node-api': (platform) => [
    '@duckdb/node-api',
    '@duckdb/node-bindings',
    `@duckdb/node-bindings-${platform}`,
  ],
};
/** What no program loads. */
const UNUSED = /\.(?:d\.ts|map|md)$/;

export interface NativeFile {
  readonly from: string;
  /** Within the function's directory. */
  readonly to: string;
  readonly bytes: number;
}

export interface Native {
  readonly files: readonly NativeFile[];
  /** Packages that a deployment needs, and that npm leaves out on this machine, as it would be asked for them. */
  readonly missing: readonly string[];
}

/** All that lies beside a bundle that needs `packages`, from the `node_modules` of `root`. */
export async function nativeFiles(root: string, packages: readonly string[]): Promise<Native> {
  const host = `${process.platform}-${process.arch}`;
  const found = await Promise.all(
    packages.flatMap((name) => {
      const parts = [DEPLOYED, host].flatMap((platform) => PARTS[name]?.(platform) ?? []);
      return [...new Set(parts)].map(async (part) => ({
        // One release, one version.
        wanted: async () => `${part}@${await versionOf(root, name)}`,
        files: await filesOf(root, path.join('node_modules', part)),
      }));
    }),
  );
  const missing = found.filter(({ files }) => files === null).map(({ wanted }) => wanted());
  return { files: found.flatMap(({ files }) => files ?? []), missing: await Promise.all(missing) };
}

async function versionOf(root: string, name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(path.join(root, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return manifest !== null && typeof manifest === 'object' && 'version' in manifest
    ? String(manifest.version)
    : 'latest';
}

async function filesOf(root: string, dir: string): Promise<NativeFile[] | null> {
  const entries = await readdir(path.join(root, dir), { recursive: true, withFileTypes: true }).catch(
    () => null,
  );
  if (entries === null) return null;
  const files = entries.filter((entry) => entry.isFile() && !UNUSED.test(entry.name));
  return Promise.all(
    files.map(async ({ parentPath, name }) => {
      const from = path.join(parentPath, name);
      return { from, to: path.relative(root, from), bytes: (await stat(from)).size };
    }),
  );
}

/** Puts the files into a function's directory. Tens of megabytes: where that is possible, without copying them. */
export async function placeFiles(files: readonly NativeFile[], dir: string): Promise<void> {
  await Promise.all(
    files.map(async ({ from, to }) => {
      const file = path.join(dir, to);
      await mkdir(path.dirname(file), { recursive: true });
      await link(from, file).catch(() => copyFile(from, file));
    }),
  );
}
