/** Reads what a `ByteWriter` wrote. Throws a RangeError where the bytes end too early. */
export class ByteReader {
  #at = 0;

  constructor(private readonly buffer: Buffer) {}

  byte(): number {
    return this.buffer.readUInt8(this.#at++);
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const next = this.byte();
      value += (next % 0x80) * factor;
      if (!Number.isSafeInteger(value)) {
        throw new RangeError('A number is too large');
      }
      if (next < 0x80) {
        return value;
      }
    }
  }

  bigint(): bigint {
    this.#at += 8;
    return this.buffer.readBigInt64LE(this.#at - 8);
  }

  fixed(length: number): string {
    if (this.#at + length > this.buffer.length) {
      throw new RangeError('It ends too early');
    }
    this.#at += length;
    return this.buffer.toString('latin1', this.#at - length, this.#at);
  }

  bytes(): string {
    return this.fixed(this.number());
  }

  get isAtEnd(): boolean {
    return this.#at === this.buffer.length;
  }
}
