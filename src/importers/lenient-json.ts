/** Deeper nesting than this is no config: it would exhaust the stack. */
const DEEPEST = 200;

/** Bare words that Python's `json` writes beside those of JSON. */
const WORDS: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  null: null,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const WORD = /-?[A-Za-z]+/y;
const SPACE = /[ \t\n\r]*/y;

/**
 * Reads JSON as Python writes it: `NaN` and `Infinity` are numbers. A key that stands twice in one object is an error,
 * and so is text behind the end.
 *
 * @throws SyntaxError saying what is wrong and in which line
 * @example parseLenientJson('{"time_step_limit": [0.0, Infinity]}')
 */
export function parseLenientJson(text: string): unknown {
  let at = 0;
  let depth = 0;

  const fail = (problem: string): never => {
    const line = text.slice(0, at).split('\n').length;
    throw new SyntaxError(at >= text.length ? `it ends in the middle` : `${problem} in line ${line}`);
  };
  const taken = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const skip = (): void => void taken(SPACE);
  const expect = (sign: string): void => {
    skip();
    if (text[at] !== sign) fail(`"${sign}" is missing`);
    at++;
  };
  const follows = (sign: string): boolean => {
    skip();
    if (text[at] !== sign) return false;
    at++;
    return true;
  };
  const string = (): string => {
    skip();
    const found = taken(STRING);
    return found === undefined ? fail('a string is missing or broken') : (JSON.parse(found) as string);
  };

  const members = (): Record<string, unknown> => {
    const record: Record<string, unknown> = {};
    if (follows('}')) return record;
    do {
      const key = string();
      if (Object.hasOwn(record, key)) fail(`the key "${key}" stands twice`);
      expect(':');
      // `__proto__` as a plain key.
      Object.defineProperty(record, key, {
        value: value(),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } while (follows(','));
    expect('}');
    return record;
  };
  const elements = (): unknown[] => {
    const list: unknown[] = [];
    if (follows(']')) return list;
    do list.push(value());
    while (follows(','));
    expect(']');
    return list;
  };
  const scalar = (): unknown => {
    if (text[at] === '"') return string();
    const word = taken(WORD);
    if (word !== undefined && Object.hasOwn(WORDS, word)) return WORDS[word];
    if (word !== undefined) at -= word.length;
    const number = word === undefined ? taken(NUMBER) : undefined;
    return number === undefined ? fail('a value is missing or broken') : Number(number);
  };
  function value(): unknown {
    if (++depth > DEEPEST) fail('nesting is too deep');
    skip();
    const open = text[at];
    if (open === '{' || open === '[') at++;
    const read = open === '{' ? members() : open === '[' ? elements() : scalar();
    depth--;
    return read;
  }

  const read = value();
  skip();
  if (at < text.length) fail('there is more behind the end');
  return read;
}
