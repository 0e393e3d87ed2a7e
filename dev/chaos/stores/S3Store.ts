import { setTimeout as sleep } from 'node:timers/promises';
import { S3Process } from '../../harness/s3/S3Process';
import { TEST_BUCKET, TEST_CREDENTIALS } from '../../harness/S3Server';
import { ChaosStore } from './ChaosStore';
import type { StoreFault } from './storeFaults';

const PREFIX = 'chaos';

const BEHAVIOURS = {
  storeAway: 'away',
  storeSlow: 'slow',
  storeRefuses: 'unavailable',
  storeBreaksOff: 'cut',
} as const;

/** A bucket of an S3 server. */
export class S3Store implements ChaosStore {
  readonly config = { aws: { mainAccount: TEST_CREDENTIALS } };

  private constructor(private readonly server: S3Process) {}

  static async create(): Promise<S3Store> {
    return new S3Store(await S3Process.start());
  }

  get entry() {
    return {
      type: 's3',
      bucket: TEST_BUCKET,
      prefix: PREFIX,
      endpoint: this.server.endpoint,
      forcePathStyle: true,
    };
  }

  async disturb(fault: StoreFault, ms: number): Promise<void> {
    await this.server.behave(BEHAVIOURS[fault]);
    await sleep(ms);
    await this.server.behave('well');
  }

  async list(): Promise<string[]> {
    const keys = await this.server.list();
    return keys.map(key => key.replace(`${PREFIX}/`, ''));
  }

  async close(): Promise<void> {
    await this.server.stop();
  }
}
