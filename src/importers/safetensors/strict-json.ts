import { brokenFile } from '../bytes-source.js';

/** What JSON may hold. Objects are maps, so that no name means anything special. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json>;

/** How much is taken in. */
export interface JsonLimits {
  readonly depth: number;
  /** Values of all kinds. */
  readonly values: number;
  /** Names in one object. */
  readonly names: number;
}

const USUAL: JsonLimits = { depth: 16, values: 1_000_000, names: 200_000 };

interface Parser {
  readonly text: string;
  readonly file: string;
  /** Place of the text in the file. */
  readonly start: number;
  readonly limits: JsonLimits;
  at: number;
  values: number;
}

/**
 * Parses JSON as its standard says it, and no name twice: what two readers would read differently is refused.
 *
 * @param start place of the text in the file, for messages
 * @throws InputError `bad-file` for what is no JSON (NaN, comments, a comma too many), for a name twice,
 *   for lists in lists without end
 * @example strictJson(Buffer.from('{"a": [1]}'), 'x.json') // Map { 'a' => [1] }
 */
export function strictJson(bytes: Uint8Array, file: string, start = 0, limits = USUAL): Json {
  const parser: Parser = { text: textOf(bytes, file, start), file, start, limits, at: 0, values: 0 };
  const value = readValue(parser, 0);
  skipBlanks(parser);
  if (parser.at < parser.text.length) throw fault(parser, 'goes on after its end');
  return value;
}

function textOf(bytes: Uint8Array, file: string, start: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw brokenFile(file, 'it holds text that is no UTF-8', start);
  }
}

const fault = ({ file, start, at }: Parser, problem: string): Error =>
  brokenFile(file, `its JSON ${problem}`, start + at);

const BLANKS = /[ \t\r\n]*/y;

function skipBlanks(parser: Parser): void {
  if (parser.text.charCodeAt(parser.at) > 32) return;
  BLANKS.lastIndex = parser.at;
  BLANKS.test(parser.text);
  parser.at = BLANKS.lastIndex;
}

function readValue(parser: Parser, depth: number): Json {
  if (++parser.values > parser.limits.values)
    throw fault(parser, `holds more than ${parser.limits.values} values`);
  if (depth > parser.limits.depth) throw fault(parser, `is nested deeper than ${parser.limits.depth} levels`);
  skipBlanks(parser);
  const first = parser.text[parser.at];
  if (first === '{') return readObject(parser, depth);
  if (first === '[') return readList(parser, depth);
  return first === '"' ? readText(parser) : readPlain(parser);
}

function readObject(parser: Parser, depth: number): ReadonlyMap<string, Json> {
  const object = new Map<string, Json>();
  parser.at++;
  if (take(parser, '}')) return object;
  do {
    skipBlanks(parser);
    if (parser.text[parser.at] !== '"') throw fault(parser, 'has no name in quotes here');
    const at = parser.at;
    const name = readText(parser);
    if (object.has(name)) {
      parser.at = at;
      throw fault(parser, `has the name "${shortened(name)}" twice`);
    }
    if (object.size >= parser.limits.names)
      throw fault(parser, `has an object of more than ${parser.limits.names} names`);
    if (!take(parser, ':')) throw fault(parser, 'has no colon here');
    object.set(name, readValue(parser, depth + 1));
  } while (take(parser, ','));
  if (!take(parser, '}')) throw fault(parser, 'has an object that does not end here');
  return object;
}

function readList(parser: Parser, depth: number): readonly Json[] {
  const list: Json[] = [];
  parser.at++;
  if (take(parser, ']')) return list;
  do list.push(readValue(parser, depth + 1));
  while (take(parser, ','));
  if (!take(parser, ']')) throw fault(parser, 'has a list that does not end here');
  return list;
}

function take(parser: Parser, mark: string): boolean {
  skipBlanks(parser);
  if (parser.text[parser.at] !== mark) return false;
  parser.at++;
  return true;
}

function readText(parser: Parser): string {
  const { text, at } = parser;
  let end = text.indexOf('"', at + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  if (end < 0) throw fault(parser, 'has a text that does not end');
  parser.at = end + 1;
  const inner = text.slice(at + 1, end);
  if (!/[\\\p{Cc}]/u.test(inner)) return inner;
  try {
    return JSON.parse(text.slice(at, end + 1)) as string;
  } catch {
    parser.at = at;
    throw fault(parser, 'has a text with a sign that must be escaped');
  }
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, place: number): boolean {
  let before = place - 1;
  while (text[before] === '\\') before--;
  return (place - before) % 2 === 0;
}

const PLAIN = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

function readPlain(parser: Parser): number | boolean | null {
  PLAIN.lastIndex = parser.at;
  const word = PLAIN.exec(parser.text)?.[0];
  if (word === undefined) {
    const found = shortened(parser.text.slice(parser.at, parser.at + 20));
    throw fault(parser, found === '' ? 'ends too soon' : `cannot hold ${JSON.stringify(found)}`);
  }
  parser.at += word.length;
  return JSON.parse(word) as number | boolean | null;
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
