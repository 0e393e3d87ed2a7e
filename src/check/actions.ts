/** What an action does that matters when a task is interrupted. */
export type ActionTraits = {
  /** Leaves files in the workspace that other steps may need. */
  writes?: boolean;
  /** Needs the files that are in the workspace. */
  reads?: boolean;
  /** Has an effect outside that must not happen twice, and does not guard it with a checkpoint. */
  unguarded?: boolean;
};

/**
 * The actions of the scaffolder, of its modules for code hosts and the like, and of the well-known Roadie modules. A name may end
 * with `*`. The first that fits counts.
 *
 * Read in the code of @backstage/plugin-scaffolder-backend 4.2.0 and of the modules that were current in November 2026: whether
 * an action uses `ctx.workspacePath`, and whether it creates something outside without `ctx.checkpoint`.
 */
export const KNOWN_ACTIONS: Record<string, ActionTraits> = {
  'fetch:*': { writes: true },
  'run:yeoman': { writes: true },
  'confluence:transform:markdown': { writes: true },
  'workspace:template': { reads: true, writes: true },
  'workspace:template:file': { reads: true, writes: true },
  'catalog:write': { writes: true },
  'catalog:template:version': {},
  'fs:readdir': { reads: true },
  'fs:*': { reads: true, writes: true },

  'publish:github': { reads: true },
  'publish:github:pull-request': { reads: true },
  'publish:gitlab:merge-request': { reads: true },
  'publish:azure': { reads: true },
  'publish:bitbucketCloud': { reads: true },
  'publish:*': { reads: true, unguarded: true },
  'github:repo:push': { reads: true },
  'gitlab:repo:push': { reads: true },

  'bitbucket:pipelines:run': { unguarded: true },
  'bitbucketCloud:branchRestriction:create': { unguarded: true },
  'http:backstage:request': { unguarded: true },

  'roadiehq:utils:fs:parse': { reads: true },
  'roadiehq:utils:fs:write': { writes: true },
  'roadiehq:utils:fs:*': { reads: true, writes: true },
  'roadiehq:utils:json:merge': { reads: true, writes: true },
  'roadiehq:utils:merge': { reads: true, writes: true },
  'roadiehq:utils:zip': { reads: true, writes: true },
};

/** What is known of an action. Nothing of one that neither list has. */
export function traitsOf(
  action: string,
  configured: Record<string, ActionTraits> = {},
): ActionTraits | undefined {
  for (const known of [configured, KNOWN_ACTIONS]) {
    const name = Object.keys(known).find(pattern => fits(action, pattern));
    if (name !== undefined) {
      return known[name];
    }
  }
  return undefined;
}

function fits(action: string, pattern: string): boolean {
  return pattern.endsWith('*')
    ? action.startsWith(pattern.slice(0, -1))
    : action === pattern;
}
