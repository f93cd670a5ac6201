/** Every way a question can be wrong; the words for each are in `render/messages.ts`. */
export type ErrorCode =
  | 'unknown-model'
  | 'unknown-quant'
  | 'unknown-gpu'
  | 'unknown-engine'
  | 'unknown-option'
  | 'unknown-key'
  | 'unknown-version'
  | 'unknown-kv-type'
  | 'unknown-command'
  | 'unknown-format'
  | 'bad-number'
  | 'bad-json'
  | 'bad-file'
  | 'context-too-long'
  | 'contradiction'
  | 'impossible-layout'
  | 'engine-refuses'
  | 'no-hardware'
  | 'no-engine'
  | 'too-many-rows'
  | 'no-config'
  | 'bad-row'
  | 'too-many-checks'
  | 'no-baseline'
  | 'not-understood'
  | 'network'
  | 'offline'
  | 'bug';

export type ErrorArgs = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/**
 * The one error a user sees: a code and the values its message needs.
 *
 * @example
 * throw new InputError('unknown-model', { name: 'maverik', near: ['maverick'] });
 */
export class InputError extends Error {
  readonly code: ErrorCode;
  readonly args: ErrorArgs;

  constructor(code: ErrorCode, args: ErrorArgs = {}) {
    super(code);
    this.name = 'InputError';
    this.code = code;
    this.args = args;
  }
}
