/**
 * A store outside of the database cannot be reached, or refuses. That may pass. Unlike the database's, its absence ends no run, so that no
 * step needs to wait for it.
 */
export class StoreError extends Error {
  override name = 'StoreError';
}
