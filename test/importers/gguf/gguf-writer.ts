import { ggmlBlock, ggmlTypeId } from '../../../src/importers/gguf/ggml-blocks.js';

/** A value under the type that `gguf.h:gguf_type` numbers. */
export interface Typed {
  readonly type: number;
  readonly value: number | string | boolean | readonly (number | string)[];
  /** Of an array. */
  readonly itemType?: number;
}

export type Written = number | string | boolean | readonly (number | string)[] | Typed;

export interface WrittenTensor {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type?: string;
}

export interface WrittenGguf {
  readonly version?: number;
  readonly metadata?: Readonly<Record<string, Written>>;
  readonly tensors?: readonly WrittenTensor[];
  readonly alignment?: number;
}

/** Bytes of a growing file, little end first. */
export class Bytes {
  readonly #parts: Buffer[] = [];

  text = (value: string): this => this.u64(Buffer.byteLength(value)).raw(Buffer.from(value));
  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return this.raw(bytes);
  }
  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    return this.raw(bytes);
  }
  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }
  get length(): number {
    return this.#parts.reduce((sum, { length }) => sum + length, 0);
  }
  done = (): Buffer => Buffer.concat(this.#parts);
}

const WRITE: Record<number, (bytes: Bytes, value: number | string | boolean) => void> = {
  0: (bytes, value) => bytes.raw(Buffer.from([Number(value)])),
  4: (bytes, value) => bytes.u32(Number(value)),
  5: (bytes, value) => bytes.u32(Number(value)),
  6: (bytes, value) => {
    const float = Buffer.alloc(4);
    float.writeFloatLE(Number(value));
    bytes.raw(float);
  },
  7: (bytes, value) => bytes.raw(Buffer.from([value ? 1 : 0])),
  8: (bytes, value) => bytes.text(String(value)),
  10: (bytes, value) => bytes.u64(Number(value)),
  11: (bytes, value) => bytes.u64(Number(value)),
};

function typed(written: Written): Typed {
  if (Array.isArray(written)) {
    const items = written as readonly (number | string)[];
    return { type: 9, itemType: typeof items[0] === 'string' ? 8 : 5, value: items };
  }
  if (typeof written === 'object') return written as Typed;
  if (typeof written === 'string') return { type: 8, value: written };
  if (typeof written === 'boolean') return { type: 7, value: written };
  return { type: Number.isInteger(written) ? 4 : 6, value: written };
}

function writeValue(bytes: Bytes, written: Written): void {
  const { type, itemType, value } = typed(written);
  bytes.u32(type);
  if (!Array.isArray(value)) {
    WRITE[type]!(bytes, value as number | string | boolean);
    return;
  }
  bytes.u32(itemType!).u64(value.length);
  for (const item of value as (number | string)[]) WRITE[itemType!]!(bytes, item);
}

const aligned = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment;

/** The header of a GGUF file, up to the first byte of data, and how long the whole file would be. */
export function writeGguf({ version = 3, metadata = {}, tensors = [], alignment = 32 }: WrittenGguf): {
  header: Buffer;
  fileBytes: number;
} {
  const entries = Object.entries(metadata);
  const bytes = new Bytes().raw(Buffer.from('GGUF')).u32(version).u64(tensors.length).u64(entries.length);
  for (const [key, value] of entries) writeValue(bytes.text(key), value);
  let offset = 0;
  let end = 0;
  for (const { name, ne, type = 'F32' } of tensors) {
    bytes.text(name).u32(ne.length);
    for (const length of ne) bytes.u64(length);
    const id = ggmlTypeId(type)!;
    bytes.u32(id).u64(offset);
    const block = ggmlBlock(id)!;
    end = offset + (ne.reduce((product, length) => product * length, 1) / block.elements) * block.bytes;
    offset = aligned(end, alignment);
  }
  const dataOffset = aligned(bytes.length, alignment);
  bytes.raw(Buffer.alloc(dataOffset - bytes.length));
  return { header: bytes.done(), fileBytes: dataOffset + end };
}
