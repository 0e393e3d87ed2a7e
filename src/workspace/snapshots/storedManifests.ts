import { Knex } from 'knex';
import {
  listSnapshots,
  SnapshotLink,
} from '../../database/operations/snapshots/listSnapshots';
import { readManifests } from '../../database/operations/snapshots/content/readManifests';
import { decryptManifest } from '../encryption/encryptedManifest';
import { EncryptionKeys } from '../encryption/EncryptionKeys';
import { StoredManifests } from '../engine/manifest/loadContent';
import { isFullManifest } from '../engine/manifest/manifestFormat';
import { WorkspaceError } from '../errors';

/**
 * Reads the manifests that a snapshot consists of, up to the last full one before it.
 *
 * @returns the full one first. Nothing if the workspace was empty.
 * @throws WorkspaceError if the snapshot is not there, its content is missing or cannot be decrypted.
 */
export async function readStoredManifests(
  knex: Knex,
  keys: EncryptionKeys,
  options: { taskId: string; number: number },
): Promise<StoredManifests> {
  const { taskId, number } = options;
  const links = await listSnapshots(knex, { taskId, upTo: number });
  const byNumber = new Map(links.map(link => [link.number, link]));
  const chain: number[] = [];
  for (let next: number | null = number; next !== null;) {
    const link: SnapshotLink = linkWithContent(byNumber, number, next);
    if (link.manifestHead) {
      chain.unshift(next);
      if (isFullManifest(link.manifestHead)) {
        break;
      }
    }
    next = link.base;
  }
  const parts = await readManifests(knex, { taskId, numbers: chain });
  const manifests: StoredManifests = [];
  for (const link of chain) {
    const manifest = parts.get(link);
    if (!manifest) {
      throw new WorkspaceError(
        `Snapshot ${link} was deleted while it was read`,
      );
    }
    manifests.push(
      await decryptManifest(keys, { taskId, number: link }, manifest),
    );
  }
  return manifests;
}

function linkWithContent(
  links: Map<number, SnapshotLink>,
  wanted: number,
  number: number,
): SnapshotLink {
  const link = links.get(number);
  const what =
    number === wanted
      ? `Snapshot ${wanted}`
      : `Snapshot ${number}, which snapshot ${wanted} builds on,`;
  if (!link) {
    throw new WorkspaceError(`${what} is not in the database`);
  }
  if (link.missing) {
    throw new WorkspaceError(`${what} has no content: ${link.missing}`);
  }
  return link;
}
