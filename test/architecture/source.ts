/**
 * TypeScript files as their imports and the globals they touch, read from the compiler's own syntax trees: comments and
 * the insides of strings never count as code, and `import type` counts like any import.
 *
 * The compiler's API still carries the word "unstable" in its name. All use of it is in this file.
 */
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isElementAccessExpression,
  isIdentifier,
  isImportDeclaration,
  isNamedImports,
  isNewExpression,
  isPropertyAccessExpression,
  isStringLiteralLikeNode,
} from 'typescript/unstable/ast/is';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

export interface Source {
  /** Path from the repository's root, with `/`. */
  readonly file: string;
  /** Module specifiers, of every kind of import and re-export. */
  readonly imports: readonly Found[];
  /** Names brought in, as `specifier#name`. */
  readonly names: readonly Found[];
  /**
   * Globals as they are used, down to the first member: `process.env`, `console.log`, `setTimeout`. A call is
   * `fetch()`, a construction without arguments `new Date()`.
   */
  readonly globals: readonly Found[];
  /** Texts of string and template literals. */
  readonly texts: readonly Found[];
}

export interface Found {
  readonly text: string;
  readonly line: number;
}

const VIRTUAL_ROOT = '/virtual';
const PROJECT = `${VIRTUAL_ROOT}/tsconfig.json`;

/** Reads TypeScript files, given as text by path. */
export function parseSources(files: ReadonlyMap<string, string>): readonly Source[] {
  const config = {
    compilerOptions: { noLib: true, noResolve: true, types: [], module: 'nodenext', noEmit: true },
  };
  const tree: Record<string, string> = { [PROJECT]: JSON.stringify(config) };
  for (const [file, text] of files) tree[`${VIRTUAL_ROOT}/${file}`] = text;
  const compiler = new API({ cwd: VIRTUAL_ROOT, fs: createVirtualFileSystem(tree) });
  try {
    const project = compiler.updateSnapshot({ openProject: PROJECT }).getProject(PROJECT);
    return [...files].map(([file, text]) => {
      const root = project?.program.getSourceFile(`${VIRTUAL_ROOT}/${file}`);
      if (root === undefined) throw new Error(`${file}: the compiler did not read it`);
      return read(file, text, root, root.imports.filter(isStringLiteralLikeNode));
    });
  } finally {
    compiler.close();
  }
}

function read(file: string, text: string, root: Node, imports: readonly (Node & { text: string })[]): Source {
  const found = (node: Node, what: string): Found => ({
    text: what,
    line: text.slice(0, node.end).split('\n').length,
  });
  const names: Found[] = [];
  const globals: Found[] = [];
  const texts: Found[] = [];
  const visit = (node: Node): void => {
    if (isImportDeclaration(node)) {
      names.push(...importedNames(node).map(([name, at]) => found(at, name)));
      return;
    }
    if (isIdentifier(node) && isReference(node)) globals.push(found(node, usage(node, node.text)));
    if (isTextual(node)) texts.push(found(node, node.text));
    node.forEachChild(visit);
  };
  root.forEachChild(visit);
  return { file, imports: imports.map((node) => found(node, node.text)), names, globals, texts };
}

function importedNames(node: Node): readonly (readonly [string, Node])[] {
  if (!isImportDeclaration(node) || !isStringLiteralLikeNode(node.moduleSpecifier)) return [];
  const module = node.moduleSpecifier.text;
  const bindings = node.importClause?.namedBindings;
  if (bindings === undefined || !isNamedImports(bindings)) return [];
  return bindings.elements.map((element) => [
    `${module}#${(element.propertyName ?? element.name).text}`,
    element,
  ]);
}

/** Whether the identifier stands for a variable, and is not just the name of a member, a property or a declaration. */
function isReference(node: Node): boolean {
  const { parent } = node;
  if (isPropertyAccessExpression(parent))
    return parent.expression === node || isGlobalObject(parent.expression);
  if ('name' in parent && parent.name === node) return parent.kind === SyntaxKind.ShorthandPropertyAssignment;
  return !('propertyName' in parent && parent.propertyName === node);
}

function isGlobalObject(node: Node): boolean {
  return isIdentifier(node) && (node.text === 'globalThis' || node.text === 'global');
}

/** The global with what is done to it. */
function usage(node: Node, name: string): string {
  // `globalThis.setTimeout` is `setTimeout`.
  const { parent: above } = node;
  const self = isPropertyAccessExpression(above) && above.name === node ? above : node;
  const { parent } = self;
  if (isPropertyAccessExpression(parent) && parent.expression === self) return `${name}.${parent.name.text}`;
  if (isElementAccessExpression(parent) && parent.expression === self) {
    return isStringLiteralLikeNode(parent.argumentExpression)
      ? `${name}.${parent.argumentExpression.text}`
      : `${name}[]`;
  }
  if (isCallExpression(parent) && parent.expression === self) return `${name}()`;
  if (isNewExpression(parent) && parent.expression === self && !parent.arguments?.length)
    return `new ${name}()`;
  return name;
}

function isTextual(node: Node): node is Node & { text: string } {
  return (
    isStringLiteralLikeNode(node) ||
    node.kind === SyntaxKind.TemplateHead ||
    node.kind === SyntaxKind.TemplateMiddle ||
    node.kind === SyntaxKind.TemplateTail ||
    node.kind === SyntaxKind.RegularExpressionLiteral
  );
}
