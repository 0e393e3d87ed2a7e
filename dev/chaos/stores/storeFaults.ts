export const STORES = ['database', 'directory', 's3'] as const;
export type StoreName = (typeof STORES)[number];

export const STORE_FAULTS = [
  'storeAway',
  'storeSlow',
  'storeRefuses',
  'storeBreaksOff',
] as const;
export type StoreFault = (typeof STORE_FAULTS)[number];

/** What can be done to each store. What is done to PostgreSQL hits the one that is in it. */
export const FAULTS_OF_STORE: Record<StoreName, readonly StoreFault[]> = {
  database: [],
  directory: ['storeAway'],
  s3: STORE_FAULTS,
};
