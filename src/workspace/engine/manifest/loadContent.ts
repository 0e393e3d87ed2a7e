import { toBuffer } from '../../../util/toBuffer';
import { applyChanges } from '../tree/diff';
import { Entries } from '../tree/entries';
import { Chain } from './KnownWorkspace';
import { decodeManifest, Manifest } from './manifestFormat';
import { WorkspaceError } from '../../errors';

/** The parts of each manifest that a snapshot consists of: a full one first, and then those that build on it. */
export type StoredManifests = Uint8Array[][];

/**
 * Puts together what a snapshot holds.
 *
 * @throws WorkspaceError if a manifest cannot be read.
 */
export function loadContent(manifests: StoredManifests): {
  entries: Entries;
  chain: Chain;
} {
  const entries: Entries = new Map();
  const chain: Chain = { length: 0, fullBytes: 0, deltaBytes: 0 };
  for (const parts of manifests) {
    const stored =
      parts.length === 1 ? toBuffer(parts[0]) : Buffer.concat(parts);
    const manifest = decode(stored, entries);
    if (manifest.isFull !== (chain.length === 0)) {
      throw new WorkspaceError(
        'The manifests of the snapshot do not begin with a full one',
      );
    }
    applyChanges(entries, manifest);
    chain.length += 1;
    chain[manifest.isFull ? 'fullBytes' : 'deltaBytes'] += stored.length;
  }
  return { entries, chain };
}

function decode(stored: Buffer, before: Entries): Manifest {
  try {
    return decodeManifest(stored, before);
  } catch (error: any) {
    throw new WorkspaceError(
      `A manifest of the snapshot cannot be read. ${error.message}`,
    );
  }
}
