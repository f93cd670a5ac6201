import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { checkAll } from '../../src/check.js';
import { parseCheckConfig } from '../../src/importers/check-config.js';
import { rowsOf } from '../../src/importers/check-rows.js';
import { createPlanner } from '../../src/planner.js';
import { checkPage } from '../../src/render/check.js';
import { renderCsv, renderMarkdown } from '../../src/render/pages.js';
import { renderGithub } from '../../src/render/reports/github.js';
import { renderJunit } from '../../src/render/reports/junit.js';
import { renderSarif } from '../../src/render/reports/sarif.js';
import type { CheckDocument } from '../../src/schema/check.js';

const CONFIG = `rows:
  - { name: fine, model: llama-3.1-8b, devices: rtx-4090 }
  - { name: "over, 100%: <big> & \\"loud\\" \\u0007\\uD800", model: maverick, devices: rtx-4090, limits: { total: 1GiB } }
  - { name: wrong, model: nobody }
  - { name: faulty, modl: x, limits: 5 }
`;

const planner = createPlanner();
const file = 'a folder/llmspec.config.yaml';
const document: CheckDocument = await checkAll({
  planner,
  file,
  rows: rowsOf({ folder: '/', ...parseCheckConfig(CONFIG, file) }, '/'),
});

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#10': '\n' };
const text = (raw: string): string =>
  raw.replace(/&([^;]*);/g, (_, name: string) => {
    if (ENTITIES[name] === undefined) throw new Error(`unknown entity ${name}`);
    return ENTITIES[name];
  });

const TOKEN = /<(\/?)([a-z]+)((?:\s+[a-z]+="[^"<]*")*)\s*(\/?)>|[^<]+|</g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 forbids them
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]|\p{Surrogate}/u;

/** The elements of a well-formed document; throws for one that is not. */
function readXml(xml: string): Element {
  if (FORBIDDEN.test(xml)) throw new Error('bad character');
  const root: Element = { name: '', attributes: {}, children: [] };
  const open = [root];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  for (const token of body.matchAll(TOKEN)) take(token, open);
  if (open.length !== 1 || root.children.length !== 1) throw new Error('unbalanced');
  return root.children[0]!;
}

function take([whole, close, name = '', inside = '', empty]: RegExpMatchArray, open: Element[]): void {
  if (!whole.startsWith('<')) return void text(whole);
  if (name === '') throw new Error(`no tag: ${whole}`);
  if (close) {
    if (open.pop()?.name !== name) throw new Error(`unbalanced ${name}`);
    return;
  }
  const pairs = [...inside.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
    key,
    text(value),
  ]);
  const element: Element = { name, attributes: Object.fromEntries(pairs), children: [] };
  open.at(-1)!.children.push(element);
  if (!empty) open.push(element);
}

const count = z.string().regex(/^\d+$/);
const faultShape = z.strictObject({
  name: z.enum(['failure', 'error']),
  attributes: z.strictObject({ type: z.string().min(1), message: z.string().min(1) }),
  children: z.tuple([]),
});
const caseShape = z.strictObject({
  name: z.literal('testcase'),
  attributes: z.strictObject({
    name: z.string().min(1),
    classname: z.string().min(1),
    file: z.string(),
    line: count,
    time: count,
  }),
  children: z.array(faultShape).max(1),
});
/** What the readers of GitLab, Jenkins and GitHub's reporters ask of a report. */
const junitShape = z.strictObject({
  name: z.literal('testsuites'),
  attributes: z.strictObject({ name: z.string(), tests: count, failures: count, errors: count }),
  children: z.tuple([
    z.strictObject({
      name: z.literal('testsuite'),
      attributes: z.strictObject({
        name: z.string(),
        tests: count,
        failures: count,
        errors: count,
        skipped: count,
        time: count,
      }),
      children: z.array(caseShape),
    }),
  ]),
});

describe('JUnit', () => {
  const read = junitShape.parse(readXml(renderJunit(document)));
  const [suite] = read.children;

  test('counts what it holds', () => {
    const kinds = suite.children.flatMap(({ children }) => children.map(({ name }) => name));
    expect(suite.attributes).toMatchObject({ tests: '4', failures: '1', errors: '2' });
    expect(kinds).toEqual(['failure', 'error', 'error']);
  });

  test('has every problem of a row, and names without control characters', () => {
    const over = suite.children[1]!;
    expect(over.attributes.name).toBe('over, 100%: <big> & "loud" ');
    expect(over.children[0]?.attributes.message).toMatch(
      /^gpu0 .* lacks .*; the total of .* is .* over the limit/,
    );
  });

  test('is told from what is no XML', () => {
    for (const wrong of ['<a>', '<a></b>', '<a b="<"/>', '<a>&x;</a>', '<a/><a/>', '<a>\u0001</a>'])
      expect(() => readXml(wrong), wrong).toThrow();
  });
});

/** What GitHub code scanning asks of a log: `version`, a driver with rules, results that have a place. */
const sarifShape = z.object({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.object({
      tool: z.object({
        driver: z.object({
          name: z.string().min(1),
          version: z.string(),
          rules: z.array(
            z.object({ id: z.string(), shortDescription: z.object({ text: z.string().min(1) }) }),
          ),
        }),
      }),
      results: z.array(
        z.object({
          ruleId: z.string(),
          ruleIndex: z.number().int().nonnegative(),
          level: z.enum(['none', 'note', 'warning', 'error']),
          message: z.object({ text: z.string().min(1) }),
          locations: z.tuple([
            z.object({
              physicalLocation: z.object({
                artifactLocation: z.object({ uri: z.string().regex(/^[^\s\\]+$/) }),
                region: z.object({ startLine: z.number().int().positive() }),
              }),
            }),
          ]),
          partialFingerprints: z.record(z.string(), z.string()),
        }),
      ),
    }),
  ]),
});

test('SARIF has one result a problem, with a known rule and the line of its row', () => {
  const [run] = sarifShape.parse(JSON.parse(renderSarif(document))).runs;
  const { rules } = run.tool.driver;
  expect(run.results.map(({ ruleId }) => ruleId)).toEqual([
    'device-over',
    'total-over',
    'unknown-model',
    'bad-row',
  ]);
  for (const { ruleId, ruleIndex } of run.results) expect(rules[ruleIndex]?.id).toBe(ruleId);
  expect(run.results.map(({ locations }) => locations[0].physicalLocation.region.startLine)).toEqual([
    3, 3, 4, 5,
  ]);
});

test('GitHub annotations are one line a row, escaped as the runner reads them', () => {
  const lines = renderGithub(document).trimEnd().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(
    /^::error file=a folder\/llmspec.config.yaml,line=3,title=over%2C 100%25%3A <big> & "loud" \ud800?::gpu0 /,
  );
  expect(lines[0]).toContain('%0Athe total of');
  expect(lines[3]).toBe('Next: correct "wrong" (line 4), and 1 more, and run it again.');
});

test('CSV has one line a row', () => {
  expect(renderCsv(checkPage(document).csv).trimEnd().split('\n')).toHaveLength(1 + 4);
});

test('Markdown has the table, the problems and the sentence', () => {
  const markdown = renderMarkdown(checkPage(document));
  expect(markdown).toContain('| fine | holds |');
  expect(markdown).toContain('**Problems**');
  expect(markdown.trimEnd().split('\n').at(-1)).toMatch(/^Next: /);
});

test('a check that holds says that nothing is to be done', async () => {
  const { next, exitCode } = await checkAll({
    planner,
    file,
    rows: rowsOf({ folder: '/', ...parseCheckConfig('rows: [{ model: llama-3.1-8b }]', file) }, '/'),
  });
  expect([exitCode, next]).toEqual([
    0,
    'Nothing to do: the row holds; --write-baseline keeps the sizes of today to compare with.',
  ]);
});
