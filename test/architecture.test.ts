import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../src/catalog/index.js';
import { normalised } from '../src/catalog/names.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

interface Import {
  /** Below `src/` without its ending, or the name of a package. */
  readonly target: string;
  readonly typeOnly: boolean;
}

interface Source {
  /** Below `src/`, with forward slashes. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** Text of every string and of the fixed pieces of templates; not of imports. */
  readonly strings: readonly string[];
  /** Names from outside the file that are read, `a.b` as one. */
  readonly names: readonly string[];
}

const isTypeOnly = (clause: ts.ImportClause | undefined): boolean => {
  if (!clause) return false;
  const named = clause.namedBindings;
  const everyName = named && ts.isNamedImports(named) && named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly);
  return clause.phaseModifier === ts.SyntaxKind.TypeKeyword || Boolean(everyName && !clause.name);
};

function readSource(file: string): Source {
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  const strings: string[] = [];
  const names: string[] = [];
  const declared = new Set<string>();
  const add = (specifier: ts.Expression | undefined, typeOnly: boolean): void => {
    if (specifier && ts.isStringLiteralLike(specifier)) imports.push({ target: targetOf(file, specifier.text), typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return add(node.moduleSpecifier, isTypeOnly(node.importClause));
    if (ts.isExportDeclaration(node)) return add(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)) strings.push(node.text);
    if (isDeclaration(node) && node.name && ts.isIdentifier(node.name)) declared.add(node.name.text);
    if (ts.isPropertyAccessExpression(node)) names.push(node.getText(tree));
    else if (ts.isIdentifier(node) && !isMember(node)) names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  const outside = names.filter((name) => !declared.has(name.split('.')[0] ?? ''));
  return { path: relative(SRC, file).split(sep).join('/'), imports, strings, names: outside };
}

const isDeclaration = (node: ts.Node): node is ts.Node & { readonly name?: ts.Node } =>
  ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isParameter(node);

/** A name behind a point or before a colon is no variable. */
const isMember = ({ parent }: ts.Identifier): boolean =>
  ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent);

function targetOf(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(SRC, resolve(dirname(file), specifier)).split(sep).join('/').replace(/\.js$/, '');
}

const sources = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readSource(join(entry.parentPath, entry.name)));

const within = (folder: string): Source[] => sources.filter(({ path }) => path.startsWith(`${folder}/`));

/** Every import of a folder that the rule does not allow, as `file → target`. */
const forbidden = (folder: string, allowed: (target: Import) => boolean): string[] =>
  within(folder).flatMap(({ path, imports }) => imports.filter((one) => !allowed(one)).map(({ target }) => `${path} → ${target}`));

const isIn = (...folders: string[]) => ({ target }: Pick<Import, 'target'>): boolean =>
  folders.some((folder) => target === folder || target.startsWith(`${folder}/`));

test('the files are read: the core has imports, strings and names', () => {
  const core = within('core');
  expect(core.length).toBeGreaterThan(20);
  for (const kind of ['imports', 'strings', 'names'] as const) {
    expect(core.reduce((sum, source) => sum + source[kind].length, 0)).toBeGreaterThan(50);
  }
});

describe('imports', () => {
  test('of units are errors and themselves', () => {
    expect(forbidden('units', isIn('errors', 'units'))).toEqual([]);
  });

  test('of schema are zod and itself', () => {
    expect(forbidden('schema', isIn('zod', 'schema'))).toEqual([]);
  });

  test('of the core are errors, itself, and types of schema', () => {
    expect(forbidden('core', (one) => isIn('errors', 'core')(one) || (one.typeOnly && isIn('schema')(one)))).toEqual([]);
  });

  test('of the catalogue are files of Node, errors, where data lies, and types of schema', () => {
    expect(forbidden('catalog', (one) => isIn('node:fs', 'errors', 'data-dir', 'catalog')(one) || (one.typeOnly && isIn('schema')(one)))).toEqual([]);
  });

  test('of importers are neither core, catalogue nor renderers', () => {
    expect(forbidden('importers', (one) => !isIn('core', 'catalog', 'render', 'commands')(one))).toEqual([]);
  });

  test('of renderers are units, themselves, chalk, cli-table3, and types of what they show', () => {
    const types = isIn('core', 'schema', 'errors', 'model-sheet');
    expect(forbidden('render', (one) => isIn('units', 'render', 'chalk', 'cli-table3')(one) || (one.typeOnly && types(one)))).toEqual([]);
  });

  test('of engines in the core do not reach into each other', () => {
    const engineOf = (path: string) => /^core\/engines\/([^/]+)\//.exec(path)?.[1];
    const crossing = within('core/engines').flatMap(({ path, imports }) =>
      imports.filter(({ target }) => engineOf(path) && engineOf(target) && engineOf(path) !== engineOf(target)).map(({ target }) => `${path} → ${target}`),
    );
    expect(crossing).toEqual([]);
  });
});

describe('the core', () => {
  const OUTSIDE = ['process', 'console', 'Date', 'performance', 'crypto', 'fetch', 'globalThis', 'Buffer', 'require', 'setTimeout', 'Intl'];

  test('knows no process, clock, console or network', () => {
    const used = within('core').flatMap(({ path, names }) => names.filter((name) => OUTSIDE.includes(name.split('.')[0]!)).map((name) => `${path}: ${name}`));
    expect(used).toEqual([]);
  });

  test('does not throw dice or ask for the locale', () => {
    const used = within('core').flatMap(({ path, names }) =>
      names.filter((name) => name === 'Math.random' || /\.(toLocaleString|localeCompare)$/.test(name)).map((name) => `${path}: ${name}`),
    );
    expect(used).toEqual([]);
  });
});

test('no code knows a model by its name', () => {
  const catalog = openCatalog();
  const known = new Set(catalog.models.flatMap(({ id, name, aliases, hubIds }) => [id, name, ...aliases, ...hubIds]).map(normalised));
  // An engine calls an architecture after its first model.
  for (const entry of catalog.engines) for (const name of Object.values(catalog.engine(entry).architectures)) known.delete(normalised(name));
  const named = sources.flatMap(({ path, strings }) => strings.filter((text) => known.has(normalised(text))).map((text) => `${path}: ${text}`));
  expect(named).toEqual([]);
});

const DIST = join(ROOT, 'dist');

/** A built file and every file that it loads at once, with what they import from elsewhere. */
function loadedAtOnce(entry: string): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const tree = ts.createSourceFile(file, readFileSync(join(DIST, file), 'utf8'), ts.ScriptTarget.ES2023);
    for (const statement of tree.statements) {
      const specifier = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement) ? statement.moduleSpecifier : undefined;
      if (!specifier || !ts.isStringLiteralLike(specifier)) continue;
      if (specifier.text.startsWith('./')) waiting.push(specifier.text.slice(2));
      else packages.add(specifier.text);
    }
  }
  return { files: [...files], packages: [...packages] };
}

describe.skipIf(!existsSync(join(DIST, 'cli.js')))('the built program (skipped where nothing is built)', () => {
  test('loads nothing but Node at its start: no zod', () => {
    const { packages } = loadedAtOnce('cli.js');
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual([]);
  });

  test('has no piece of zod in what it loads at its start', () => {
    const holding = loadedAtOnce('cli.js').files.filter((file) => /ZodError|_zod\b/.test(readFileSync(join(DIST, file), 'utf8')));
    expect(holding).toEqual([]);
  });

  test('has a core that imports nothing: it runs in a browser', () => {
    expect(loadedAtOnce('core.js').packages).toEqual([]);
  });
});
