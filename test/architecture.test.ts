import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../src/catalog/index.js';
import { normalised } from '../src/catalog/names.js';
import { ADAPTERS } from '../src/importers/hf-config/families/index.js';

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
  /** Text of every string and of the fixed pieces of templates. */
  readonly strings: readonly string[];
  /** Names from outside the file that are read, `a.b` as one. */
  readonly names: readonly string[];
}

function readSource(file: string): Source {
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023, true);
  const nodes = nodesOf(tree);
  const declared = new Set(nodes.flatMap(declaredName));
  const names = nodes.flatMap(readName);
  return {
    path: belowSrc(file),
    imports: nodes.flatMap((node) => importOf(node, file)),
    strings: nodes.filter(isText).map(({ text }) => text),
    names: names.filter((name) => !declared.has(name.split('.')[0] ?? '')),
  };
}

const belowSrc = (file: string): string => relative(SRC, file).split(sep).join('/');

function nodesOf(node: ts.Node): ts.Node[] {
  const below: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    below.push(...nodesOf(child));
  });
  return [node, ...below];
}

function importOf(node: ts.Node, file: string): Import[] {
  const { specifier, typeOnly } = specifierOf(node);
  if (!specifier || !ts.isStringLiteralLike(specifier)) return [];
  const isFile = specifier.text.startsWith('.');
  const target = isFile
    ? belowSrc(resolve(dirname(file), specifier.text)).replace(/\.js$/, '')
    : specifier.text;
  return [{ target, typeOnly }];
}

/** Where a statement or a call imports from. */
function specifierOf(node: ts.Node): { specifier?: ts.Expression | undefined; typeOnly: boolean } {
  if (ts.isImportDeclaration(node))
    return { specifier: node.moduleSpecifier, typeOnly: isTypeOnly(node.importClause) };
  if (ts.isExportDeclaration(node)) return { specifier: node.moduleSpecifier, typeOnly: node.isTypeOnly };
  const isCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return { specifier: isCall ? node.arguments[0] : undefined, typeOnly: false };
}

/** `import type { a }`, or `import { type a }` with nothing else. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  if (clause.name || !named || !ts.isNamedImports(named) || named.elements.length === 0) return false;
  return named.elements.every((element) => element.isTypeOnly);
}

const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
  ts.isStringLiteralLike(node) ||
  ts.isTemplateHead(node) ||
  ts.isTemplateMiddle(node) ||
  ts.isTemplateTail(node);

function declaredName(node: ts.Node): string[] {
  const declares =
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isParameter(node);
  return declares && node.name && ts.isIdentifier(node.name) ? [node.name.text] : [];
}

function readName(node: ts.Node): string[] {
  if (ts.isPropertyAccessExpression(node)) return [node.getText()];
  if (!ts.isIdentifier(node)) return [];
  const { parent } = node;
  // A name behind a point or before a colon is no variable.
  const isMember =
    ts.isPropertyAccessExpression(parent) ||
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent);
  return isMember ? [] : [node.text];
}

const sources = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readSource(join(entry.parentPath, entry.name)));

const within = (folder: string): Source[] => sources.filter(({ path }) => path.startsWith(`${folder}/`));

/** Every import of a folder that the rule does not allow, as `file → target`. */
const forbidden = (folder: string, allowed: (target: Import) => boolean): string[] =>
  within(folder).flatMap(({ path, imports }) =>
    imports.filter((one) => !allowed(one)).map(({ target }) => `${path} → ${target}`),
  );

const isIn =
  (...folders: string[]) =>
  ({ target }: Pick<Import, 'target'>): boolean =>
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
    expect(
      forbidden('core', (one) => isIn('errors', 'core')(one) || (one.typeOnly && isIn('schema')(one))),
    ).toEqual([]);
  });

  test('of the catalogue are files of Node, errors, where data lies, and types of schema', () => {
    expect(
      forbidden(
        'catalog',
        (one) =>
          isIn('node:fs', 'errors', 'data-dir', 'catalog')(one) || (one.typeOnly && isIn('schema')(one)),
      ),
    ).toEqual([]);
  });

  test('of importers are neither core, catalogue nor renderers', () => {
    expect(forbidden('importers', (one) => !isIn('core', 'catalog', 'render', 'commands')(one))).toEqual([]);
  });

  test('of renderers are units, themselves, packages that print, and types of what they show', () => {
    const ours = (one: Import) => sources.some(({ path }) => path === `${one.target}.ts`);
    const types = (one: Import) => ours(one) && !isIn('catalog', 'importers', 'commands')(one);
    expect(
      forbidden(
        'render',
        (one) =>
          isIn('units', 'render', 'chalk', 'cli-table3', 'json-stringify-pretty-compact')(one) ||
          (one.typeOnly && types(one)),
      ),
    ).toEqual([]);
  });
});

describe('the core', () => {
  const OUTSIDE = [
    'process',
    'console',
    'Date',
    'performance',
    'crypto',
    'fetch',
    'globalThis',
    'Buffer',
    'require',
    'setTimeout',
    'Intl',
  ];

  test('knows no process, clock, console or network', () => {
    const used = within('core').flatMap(({ path, names }) =>
      names.filter((name) => OUTSIDE.includes(name.split('.')[0]!)).map((name) => `${path}: ${name}`),
    );
    expect(used).toEqual([]);
  });

  test('does not throw dice or ask for the locale', () => {
    const used = within('core').flatMap(({ path, names }) =>
      names
        .filter((name) => name === 'Math.random' || /\.(toLocaleString|localeCompare)$/.test(name))
        .map((name) => `${path}: ${name}`),
    );
    expect(used).toEqual([]);
  });
});

test('no code knows a model by its name', () => {
  const catalog = openCatalog();
  const known = new Set(
    catalog.models
      .flatMap(({ id, name, aliases, hubIds }) => [id, name, ...aliases, ...hubIds])
      .map(normalised),
  );
  // An engine calls an architecture after its first model.
  for (const entry of catalog.engines)
    for (const name of Object.values(catalog.engine(entry).architectures)) known.delete(normalised(name));
  // So does the library of the configs: a `model_type` that is read.
  for (const type of Object.keys(ADAPTERS)) known.delete(normalised(type));
  const named = sources.flatMap(({ path, strings }) =>
    strings.filter((text) => known.has(normalised(text))).map((text) => `${path}: ${text}`),
  );
  expect(named).toEqual([]);
});

const DIST = join(ROOT, 'dist');

/** What a built file imports or exports again by statements at its top: what loads with it. */
function loadedBy(file: string): string[] {
  const tree = ts.createSourceFile(file, readFileSync(join(DIST, file), 'utf8'), ts.ScriptTarget.ES2023);
  return tree.statements.flatMap((statement) => {
    const { specifier } = specifierOf(statement);
    return specifier && ts.isStringLiteralLike(specifier) ? [specifier.text] : [];
  });
}

/** A built file and every file that it loads at once, with what they import from elsewhere. */
function loadedAtOnce(entry: string): { files: string[]; packages: string[] } {
  const files = new Set([`./${entry}`]);
  const packages = new Set<string>();
  // A set gives what is added to it while it is walked.
  for (const file of files) {
    for (const target of loadedBy(file)) (target.startsWith('./') ? files : packages).add(target);
  }
  return { files: [...files], packages: [...packages] };
}

const notNode = (name: string): boolean => !name.startsWith('node:');

describe.skipIf(!existsSync(join(DIST, 'cli.js')))(
  'the built program (skipped where nothing is built)',
  () => {
    test('loads nothing but Node at its start: no zod', () => {
      expect(loadedAtOnce('cli.js').packages.filter(notNode)).toEqual([]);
    });

    test('has pages that load nothing but Node either', () => {
      const pages = readdirSync(DIST).filter((file) => /^pages-.*\.js$/.test(file));
      expect(pages.length).toBeGreaterThan(0);
      expect(pages.flatMap((file) => loadedAtOnce(file).packages).filter(notNode)).toEqual([]);
    });

    test('has a core that imports nothing: it runs in a browser', () => {
      expect(loadedAtOnce('core.js').packages).toEqual([]);
    });
  },
);
