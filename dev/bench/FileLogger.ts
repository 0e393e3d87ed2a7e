import { LoggerService } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { createWriteStream } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Writes to a file what a backend would write to its output, so that what is measured includes the module's log lines. */
export class FileLogger implements LoggerService {
  readonly #stream = createWriteStream(
    path.join(os.tmpdir(), `bench-${process.pid}.log`),
    { flags: 'a' },
  );

  error(message: string, meta?: Error | JsonObject): void {
    // Told at once as well: what fails is no benchmark.
    console.error(message, meta);
    this.#write('error', message, meta);
  }

  warn(message: string, meta?: Error | JsonObject): void {
    this.#write('warn', message, meta);
  }

  info(message: string, meta?: Error | JsonObject): void {
    this.#write('info', message, meta);
  }

  debug(): void {}

  child(): LoggerService {
    return this;
  }

  #write(level: string, message: string, meta?: Error | JsonObject): void {
    const line = { level, message, service: 'backstage', plugin: 'scaffolder' };
    this.#stream.write(`${JSON.stringify({ ...line, ...meta })}\n`);
  }
}
