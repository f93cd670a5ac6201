import { type FileHandle, open, stat } from 'node:fs/promises';
import { InputError } from '../errors.js';

/** Bytes that can be read piece by piece: a file, or an address that answers ranges. */
export interface ByteSource {
  /** As messages call it. */
  readonly name: string;
  readonly size: number;
  /** The day the file was written, `YYYY-MM-DD`, where that is known. */
  readonly date?: string;
  /**
   * Exactly `length` bytes from `offset` on.
   *
   * @throws InputError where the source has fewer
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What to do about a file that is not what it should be. */
const DAMAGED = 'The file is damaged or cut off: copy or download it again.';

/**
 * The error for a file that breaks the rules of its format.
 *
 * @param at byte of the file where that shows
 * @example throw brokenFile('a.gguf', 'the key "x" is there twice', 96)
 */
export function brokenFile(path: string, problem: string, at?: number, hint = DAMAGED): InputError {
  const where = at === undefined ? '' : ` (at byte ${at})`;
  return new InputError('bad-file', {
    path,
    problem: `${problem}${where}`,
    hint,
    ...(at === undefined ? {} : { at }),
  });
}

/**
 * A file of this machine. It is opened for each read, so there is nothing to close.
 *
 * @throws InputError `bad-file` where there is no such file, or something else than a file
 * @example (await localSource('model.gguf')).size // 4920739232
 */
export async function localSource(path: string, name = path): Promise<ByteSource> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw brokenFile(name, reasonOf(error), undefined, 'Check the path.');
  });
  // A pipe or a device has no size and may never end.
  if (!found.isFile())
    throw brokenFile(
      name,
      found.isDirectory() ? 'it is a folder' : 'it is no regular file',
      undefined,
      'Name a file.',
    );
  return {
    name,
    size: found.size,
    date: found.mtime.toISOString().slice(0, 10),
    async read(offset, length) {
      const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
        throw brokenFile(name, reasonOf(error), undefined, 'Check that you may read it.');
      });
      try {
        return await readFully(file, offset, length, name);
      } finally {
        await file.close();
      }
    },
  };
}

async function readFully(
  file: FileHandle,
  offset: number,
  length: number,
  name: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0)
      throw brokenFile(name, `the file ends where ${length} bytes were expected`, offset + filled);
    filled += bytesRead;
  }
  return bytes;
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
  ELOOP: 'its links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
};

const reasonOf = ({ code, message }: NodeJS.ErrnoException): string => REASONS[code ?? ''] ?? message;

/**
 * Bytes at hand.
 *
 * @example memorySource('header', new Uint8Array(24)).size // 24
 */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => {
      if (offset + length > bytes.length)
        throw brokenFile(name, `the file ends where ${length} bytes were expected`, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/**
 * Why a name inside a file cannot be taken: control characters, or parts of a path. `undefined`: it can.
 *
 * @example faultOfName('../../x') // 'a name with path parts'
 */
export function faultOfName(name: string): string | undefined {
  if (name === '') return 'an empty name';
  if (/\p{Cc}/u.test(name)) return 'a name with control characters';
  return /(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[a-z]:[\\/]/i.test(name) ? 'a name with path parts' : undefined;
}

/** First bytes of files that are handed in by mistake. */
const OTHERS: readonly (readonly [string | RegExp, string])[] = [
  [/^$/, 'it is empty'],
  ['GGUF', 'it is a GGUF file'],
  ['PK\u0003', 'it is a zip archive'],
  ['PK\u0005', 'it is a zip archive'],
  ['\u001f\u008b', 'it is compressed with gzip'],
  ['lmgg', 'it is a GGML file, the format before GGUF'],
  ['fmgg', 'it is a GGML file, the format before GGUF'],
  ['tjgg', 'it is a GGML file, the format before GGUF'],
  ['version https://git-lfs', 'it is a pointer of Git LFS and not the file itself'],
  [/^\s*<(!doctype|html)/i, 'it is a web page'],
  [/^\u0080\p{Cc}/u, 'it is a Python pickle'],
  [/^[\p{Cc}\s]*$/u, 'it holds nothing but zeros or blanks'],
];

/**
 * What a file is that is not in the format expected, read from its first bytes.
 *
 * @example otherFormat(Buffer.from('PK\x03\x04')) // 'it is a zip archive'
 */
export function otherFormat(start: Uint8Array): string | undefined {
  const text = Buffer.from(start.subarray(0, 64)).toString('latin1');
  return OTHERS.find(([form]) => (typeof form === 'string' ? text.startsWith(form) : form.test(text)))?.[1];
}
