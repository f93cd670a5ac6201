import type { Plan } from '../core/plan.js';
import type { ErrorArgs, ErrorCode } from '../errors.js';
import type { ErrorDocument, PlanDocument } from '../schema/result.js';
import { errorWords, noteWords } from './messages.js';

/** Who wrote a document: the program's version and the hash of its data. */
export interface Generator {
  readonly version: string;
  readonly data: string;
}

/** The envelope that every JSON document of this program is. */
export function envelope<K extends string, T extends object>(kind: K, { version, data }: Generator, body: T) {
  return { schemaVersion: 1 as const, kind, generator: { name: 'llmspec' as const, version, data }, ...body };
}

/** What an entry of a list says of a plan: enough to judge it, and the request to plan it again. */
export const planBody = ({ request, verdict, memory, bounds, notes }: Plan) => ({
  request,
  verdict,
  totalBytes: memory.totalBytes,
  bounds,
  notes: notes.map(worded),
});

const worded = ({ code, args }: Plan['notes'][number]) => ({ code, args, message: noteWords(code, args) });

/** A row of a grid: a plan, or why there is none. */
export const rowBody = ({ request, plan, error }: RowResult) =>
  plan
    ? { ...planBody(plan), parts: Object.fromEntries(plan.memory.parts.map(({ id, bytes }) => [id, bytes])) }
    : { request, verdict: null, error: error && { code: error.code, ...errorWords(error.code, error.args) } };

interface RowResult {
  readonly request: object;
  readonly plan?: Plan;
  readonly error?: { readonly code: ErrorCode; readonly args: ErrorArgs };
}

/** A plan as the document that `vram --json` and `batch` write. */
export function planDocument(plan: Plan, generator: Generator, id: unknown = null): PlanDocument {
  return envelope('plan', generator, { id: id ?? null, ...plan, notes: plan.notes.map(worded) });
}

/** An error as a document. */
export function errorDocument(
  code: ErrorCode,
  args: ErrorArgs,
  exitCode: number,
  id: unknown = null,
): ErrorDocument {
  return {
    schemaVersion: 1,
    kind: 'error',
    id: id ?? null,
    error: { code, exitCode, ...errorWords(code, args) },
  };
}

/** A document for a file or a pipe: indented, one newline at the end. */
export const jsonText = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;
