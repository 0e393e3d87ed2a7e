/** Writes numbers and bytes one after another. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1, in as many bytes as it needs, seven bits each, the lowest first. */
  number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  /** A number of 64 bits, with its sign. */
  bigint(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigInt64LE(value, this.#length);
  }

  /** Bytes, one character each, of a length that the reader knows. */
  fixed(bytes: string): void {
    this.#reserve(bytes.length);
    this.#length += this.#buffer.write(bytes, this.#length, 'latin1');
  }

  /** Bytes, one character each. */
  bytes(bytes: string): void {
    this.number(bytes.length);
    this.fixed(bytes);
  }

  /** What was written. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#length + bytes));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
  }
}
