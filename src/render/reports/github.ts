import type { CheckDocument, CheckRow } from '../../schema/check.js';
import { printable } from '../cells.js';

const escapedMessage = (text: string): string =>
  printable(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapedProperty = (text: string): string =>
  escapedMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** A check as annotations of GitHub Actions: one line a row that does not hold or that changed, then the last sentence. */
export function renderGithub({ file, rows, next }: CheckDocument): string {
  const lines = rows.flatMap((row) => annotations(row, file));
  return `${[...lines, printable(next)].join('\n')}\n`;
}

function annotations(row: CheckRow, file: string): string[] {
  const { error, problems, wouldFit, change } = row;
  if (error) return [annotation('error', row, file, `${error.message}\n${error.hint}`)];
  if (problems.length > 0) {
    const would = wouldFit.map(({ message }) => message).join(', or ');
    const lines = problems.map(({ message }) => message);
    return [
      annotation(
        'error',
        row,
        file,
        [...lines, ...(would ? [`It would hold with ${would}.`] : [])].join('\n'),
      ),
    ];
  }
  const changed = change?.parts.map(({ message }) => message) ?? [];
  return changed.length > 0 ? [annotation('notice', row, file, changed.join('\n'))] : [];
}

function annotation(level: 'error' | 'notice', { name, line }: CheckRow, file: string, text: string): string {
  return `::${level} file=${escapedProperty(file)},line=${line ?? 1},title=${escapedProperty(name)}::${escapedMessage(text)}`;
}
