/** A release of the scaffolder that the module is tried with, and the packages that come with it. */
export type Release = {
  /** The version of `@backstage/plugin-scaffolder-backend`. */
  version: string;
  /**
   * Nothing that was published after this day is installed, so that an old release has the packages of its time. The day of the next
   * release of its packages, or nothing: the newest.
   */
  before?: string;
};

/** From the oldest that the module supports to the newest. */
export const RELEASES: Release[] = [
  { version: '4.2.0', before: '2026-10-01' },
  { version: '4.3.0' },
];
