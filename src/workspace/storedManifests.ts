import { Knex } from 'knex';
import {
  listSnapshots,
  SnapshotLink,
} from '../database/operations/snapshots/listSnapshots';
import { readManifest } from '../database/operations/snapshots/readManifest';
import { StoredManifests } from './engine/loadContent';
import { isFullManifest } from './engine/manifestFormat';
import { WorkspaceError } from './engine/WorkspaceError';

/**
 * Reads the manifests that a snapshot consists of, up to the last full one before it.
 *
 * @returns the full one first. Nothing if the workspace was empty.
 * @throws WorkspaceError if the snapshot is not there or its content is missing.
 */
export async function readStoredManifests(
  knex: Knex,
  options: { taskId: string; number: number },
): Promise<StoredManifests> {
  const { taskId, number } = options;
  const links = await listSnapshots(knex, { taskId, upTo: number });
  const byNumber = new Map(links.map(link => [link.number, link]));
  const manifests: StoredManifests = [];
  for (let next: number | null = number; next !== null;) {
    const link: SnapshotLink = linkWithContent(byNumber, number, next);
    if (link.hasManifest) {
      const parts = await readManifest(knex, { taskId, number: next });
      manifests.unshift(parts);
      if (isFullManifest(parts[0])) {
        break;
      }
    }
    next = link.base;
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
