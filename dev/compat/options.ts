import { parseArgs } from 'node:util';
import { Release, RELEASES } from './releases';

export type CompatOptions = {
  releases: Release[];
  /** The Node.js to install and run with. */
  node: { binary: string } | { range: string };
  /** Whether the table goes to docs/compatibility.md. */
  write: boolean;
};

/** @throws Error that says what was found and what is accepted. */
export function readOptions(args: string[]): CompatOptions {
  const { values } = parseArgs({
    args,
    options: {
      release: { type: 'string', multiple: true },
      oldest: { type: 'boolean' },
      newest: { type: 'boolean' },
      node: { type: 'string' },
      'node-version': { type: 'string' },
      write: { type: 'boolean' },
    },
  });
  const { node, 'node-version': range } = values;
  if (node !== undefined && range !== undefined) {
    throw new Error(
      `--node is ${node} and --node-version is ${range}; accepted is one of them`,
    );
  }
  const versions = RELEASES.map(r => r.version);
  const wanted = [
    ...(values.release ?? []),
    ...(values.oldest ? versions.slice(0, 1) : []),
    ...(values.newest ? versions.slice(-1) : []),
  ];
  const unknown = wanted.filter(v => !versions.includes(v));
  if (unknown.length > 0) {
    throw new Error(
      `--release is ${unknown.join()}; accepted are ${versions.join()}. A new one goes into dev/compat/releases.ts`,
    );
  }
  return {
    releases: RELEASES.filter(
      r => wanted.length === 0 || wanted.includes(r.version),
    ),
    node:
      range === undefined ? { binary: node ?? process.execPath } : { range },
    write: values.write ?? false,
  };
}
