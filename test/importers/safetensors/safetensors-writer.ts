/** A safetensors file around a header that may be anything. */
export function writeSafetensors(header: unknown, dataBytes = 0): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

export interface WrittenEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A file with all of its data, zeros, one tensor behind the other. */
export function writeTensors(
  tensors: Readonly<Record<string, WrittenEntry>>,
  metadata?: Record<string, string>,
): Buffer {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const start = end;
    end += bytes;
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const header = { ...(metadata ? { __metadata__: metadata } : {}), ...Object.fromEntries(entries) };
  return writeSafetensors(header, end);
}
