import type { CheckDocument, CheckRow } from '../../schema/check.js';
import { printable } from '../cells.js';

const RULES: Readonly<Record<string, string>> = {
  'device-over': 'A device does not hold its share.',
  'total-over': 'The total is over its limit.',
  'per-device-over': 'A device is over the limit for a device.',
  'part-over': 'A part is over its limit.',
  'context-under': 'Fewer tokens fit than are asked.',
  'sequences-under': 'Fewer sequences fit than are asked.',
  'growth-over': 'A size grew by more than it may.',
};

interface Finding {
  readonly ruleId: string;
  readonly text: string;
  readonly row: CheckRow;
}

/** A check as SARIF 2.1.0: one result a problem, at the line of its row. */
export function renderSarif({ file, generator, rows }: CheckDocument): string {
  const findings = rows.flatMap(findingsOf);
  const ruleIds = [...new Set(findings.map(({ ruleId }) => ruleId))].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: generator.name, version: generator.version, rules: ruleIds.map(ruleOf) } },
        results: findings.map((finding) => resultOf(finding, file, ruleIds)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

const ruleOf = (id: string) => ({ id, shortDescription: { text: RULES[id] ?? 'A row cannot be answered.' } });

function findingsOf(row: CheckRow): Finding[] {
  const { error, problems } = row;
  if (error) return [{ ruleId: error.code, text: `${error.message}\n${error.hint}`, row }];
  return problems.map(({ code, message }) => ({ ruleId: code, text: message, row }));
}

function resultOf({ ruleId, text, row }: Finding, file: string, ruleIds: readonly string[]) {
  return {
    ruleId,
    ruleIndex: ruleIds.indexOf(ruleId),
    level: 'error',
    message: { text: printable(`${row.name}: ${text}`) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(file) },
          region: { startLine: row.line ?? 1 },
        },
      },
    ],
    // The same finding keeps its identity where lines move.
    partialFingerprints: { 'row/v1': `${row.name} ${ruleId}` },
  };
}
