import { type ByteSource, brokenFile } from '../bytes-source.js';

/** First read of a header; each further one takes twice as much, up to the largest. */
const FIRST_READ = 128 * 1024;
const LARGEST_READ = 4 * 1024 ** 2;

/**
 * Reads numbers and strings of a file one after the other, little end first, in pieces of growing size.
 * `need` waits until bytes are at hand; the readers after it never wait.
 */
export class Cursor {
  readonly #source: ByteSource;
  readonly #most: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Place in the file of the first byte at hand. */
  #start = 0;
  /** Place of the next byte, counted from the first at hand. */
  #next = 0;
  #readSize = FIRST_READ;

  /** @param most bytes that a header may have */
  constructor(source: ByteSource, most: number) {
    this.#source = source;
    this.#most = most;
  }

  /** Place in the file of the next byte. */
  get at(): number {
    return this.#start + this.#next;
  }

  /** Bytes from here to the end of the file. */
  get left(): number {
    return this.#source.size - this.at;
  }

  /** Whether so many bytes can be read without waiting. */
  has(count: number): boolean {
    return this.#bytes.length - this.#next >= count;
  }

  /**
   * Makes so many bytes readable.
   *
   * @throws InputError `bad-file` where the file, or what a header may have, ends before them
   */
  async need(count: number, what: string): Promise<void> {
    if (this.has(count)) return;
    this.#within(count, what);
    const length = Math.min(Math.max(count, this.#readSize), this.left);
    const start = this.at;
    const bytes = await this.#source.read(start, length);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = start;
    this.#next = 0;
    this.#readSize = Math.min(this.#readSize * 2, LARGEST_READ);
  }

  /** Passes over bytes without reading them. */
  skip(count: number, what: string): void {
    this.#within(count, what);
    if (this.has(count)) {
      this.#next += count;
      return;
    }
    this.#start = this.at + count;
    this.#bytes = new Uint8Array(0);
    this.#next = 0;
  }

  /** Passes over strings, each behind its length, as far as the bytes at hand go; gives how many. */
  passStrings(most: number): number {
    const end = this.#bytes.length - 8;
    let passed = 0;
    let at = this.#next;
    while (passed < most && at <= end) {
      const low = this.#view.getUint32(at, true);
      const next = at + 8 + low;
      if (next > this.#bytes.length || this.#view.getUint32(at + 4, true) !== 0) break;
      at = next;
      passed++;
    }
    this.#next = at;
    return passed;
  }

  #within(count: number, what: string): void {
    if (count > this.left)
      throw brokenFile(
        this.#source.name,
        `${what} takes ${count} bytes, but the file ends after ${this.left}`,
        this.at,
      );
    if (this.at + count > this.#most)
      throw brokenFile(
        this.#source.name,
        `the header goes on beyond ${this.#most} bytes, more than any model needs`,
        this.at,
        'This is no GGUF file of a model.',
      );
  }

  #take(count: number): number {
    const place = this.#next;
    this.#next += count;
    return place;
  }

  u8 = (): number => this.#view.getUint8(this.#take(1));
  i8 = (): number => this.#view.getInt8(this.#take(1));
  u16 = (): number => this.#view.getUint16(this.#take(2), true);
  i16 = (): number => this.#view.getInt16(this.#take(2), true);
  u32 = (): number => this.#view.getUint32(this.#take(4), true);
  i32 = (): number => this.#view.getInt32(this.#take(4), true);
  f32 = (): number => this.#view.getFloat32(this.#take(4), true);
  f64 = (): number => this.#view.getFloat64(this.#take(8), true);

  /** 64 bits without a sign; rounded above 2^53, where no length of a file lies. */
  u64 = (): number => this.u32() + this.u32() * 2 ** 32;
  /** 64 bits with a sign; rounded beyond 2^53. */
  i64 = (): number => this.u32() + this.i32() * 2 ** 32;

  /** The next bytes, not moved to anywhere else. */
  bytes(count: number): Uint8Array {
    const place = this.#take(count);
    return this.#bytes.subarray(place, place + count);
  }
}
