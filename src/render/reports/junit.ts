import type { CheckDocument, CheckRow } from '../../schema/check.js';
import { printable } from '../cells.js';

/** XML 1.0 forbids control characters, so they go; lone halves of pairs go with them. */
function escaped(text: string): string {
  return printable(text)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\ufffe\uffff]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}

/** A check as JUnit XML: one test case a row, a failure where it does not hold, an error where it is wrong. */
export function renderJunit({ file, counts, rows }: CheckDocument): string {
  const counted = `tests="${counts.rows}" failures="${counts.failed}" errors="${counts.wrong}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="llmspec" ${counted}>`,
    `  <testsuite name="${escaped(file)}" ${counted} skipped="0" time="0">`,
    ...rows.flatMap((row) => testCase(row, file)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase({ name, line, problems, wouldFit, error }: CheckRow, file: string): string[] {
  const where = line === undefined ? '' : ` line="${line}"`;
  const head = `    <testcase name="${escaped(name)}" classname="${escaped(file)}" file="${escaped(file)}"${where} time="0"`;
  if (error) return [`${head}>`, fault('error', error.code, error.message, error.hint), '    </testcase>'];
  if (problems.length === 0) return [`${head}/>`];
  const would =
    wouldFit.length > 0 ? `It would hold with ${wouldFit.map(({ message }) => message).join(', or ')}.` : '';
  const messages = problems.map(({ message }) => message);
  const [first] = problems;
  return [`${head}>`, fault('failure', first!.code, messages.join('; '), would), '    </testcase>'];
}

/** Readers know one failure a test case: it has every problem. */
function fault(kind: 'failure' | 'error', type: string, message: string, more: string): string {
  const text = escaped([message, more].filter((line) => line !== '').join('\n'));
  return `      <${kind} type="${escaped(type)}" message="${escaped(message)}">${text}</${kind}>`;
}
