import { readFileSync } from 'node:fs';

/** Rows of a CSV file beside this one, by the names in its first line; no field is quoted. */
export function rowsOf<Column extends string>(file: string): Record<Column, string>[] {
  const [header = '', ...lines] = readFileSync(new URL(file, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const names = header.split(',') as Column[];
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(names.map((name, column) => [name, fields[column] ?? ''])) as Record<
      Column,
      string
    >;
  });
}
