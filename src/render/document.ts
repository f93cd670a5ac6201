/** What a cell holds; each printer formats it its own way. */
export type CellKind = 'text' | 'bytes' | 'count' | 'tokens' | 'share' | 'bar' | 'number';

export interface Column {
  /** Name in CSV: lower case, with the unit. */
  readonly id: string;
  /** Heading in text and Markdown. */
  readonly name: string;
  readonly kind: CellKind;
}

export type Cell = string | number | boolean | null | undefined;

/** Rows under columns: the one shape that every format prints. */
export interface Table {
  readonly title?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface TextBlock {
  readonly title?: string;
  readonly lines: readonly string[];
}

export type Block = Table | TextBlock;

/** An answer to be read: a headline, blocks under it. CSV prints the table `csv` alone. */
export interface Document {
  readonly headline: string;
  /** Colours the headline: the answer is yes, barely, no, or none of them. */
  readonly level?: 'fits' | 'tight' | 'no' | null;
  readonly blocks: readonly Block[];
  readonly csv: Table;
}

export const isTable = (block: Block): block is Table => 'columns' in block;
