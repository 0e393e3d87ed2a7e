import { DATABASE_ONLY } from '../../decision/plan/snapshotNeeds';
import { EncryptionKeys } from '../encryption/EncryptionKeys';
import { SnapshotConfig } from '../snapshotConfig';

/** As it is configured if nothing is set, but that hardly anything is beyond the limits. */
export const SNAPSHOTS_IN_DATABASE: SnapshotConfig = {
  maxBytes: 1e9,
  maxFiles: 1e5,
  keepSeconds: 60,
  stores: [{ type: 'database' }],
  keys: new EncryptionKeys([]),
  readable: DATABASE_ONLY,
};
