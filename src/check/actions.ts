import { isBlock } from '../template/dependencies';

/** What an action does that matters when a task is interrupted. */
export type ActionTraits = {
  /** Leaves files in the workspace that other steps may need. */
  writes?: boolean;
  /** Needs the files that are in the workspace. */
  reads?: boolean;
  /** Has an effect outside that must not happen twice, and does not guard it with a checkpoint. */
  unguarded?: boolean;
  /** Leaves something for later steps that is in the process or on the host, where no snapshot of the workspace has it. */
  leaves?: Left;
};

/** What a step can leave outside of its workspace. */
export const LEFT = [
  'login',
  'environment',
  'process',
  'temporary folder',
] as const;
/** One of `LEFT`. */
export type Left = (typeof LEFT)[number];

/** What is known of an action itself. */
type KnownAction = ActionTraits & {
  /** The input that names the place in the workspace that it reads. Without it, all of the workspace. */
  readsFrom?: string;
  /** Likewise, the place that it writes. */
  writesTo?: string;
  /** Whether it is harmless after all with some input. */
  harmlessWith?(input: Record<string, unknown>): boolean;
};

/** What a step does. */
export type StepTraits = ActionTraits & {
  /** The place in the workspace that it reads. Nothing if that may be anywhere. */
  readsFrom?: string;
  /** Likewise, the place that it writes. */
  writesTo?: string;
};

/**
 * The actions of the scaffolder, of its modules for code hosts and the like, of the community's modules, and of some of
 * Roadie, Red Hat, Pulumi and others that public templates use. A name may begin or end with `*`. The first that fits counts.
 *
 * Read in the code of @backstage/plugin-scaffolder-backend 4.2.0 and of the modules that were current in November 2026: whether
 * an action uses `ctx.workspacePath`, and whether it creates something outside without `ctx.checkpoint`. One whose second call
 * fails, since there is already what it creates, counts as unguarded as well.
 */
const KNOWN_ACTIONS: Record<string, KnownAction> = {
  '*:login': { leaves: 'login' },
  'fetch:*': { writes: true, writesTo: 'targetPath' },
  'run:yeoman': { writes: true },
  'confluence:transform:markdown': { writes: true },
  'dotnet:new': { writes: true },
  'ansible:content:create': { writes: true },
  'ansible:create:ee-definition': { writes: true },
  'quarkus:app:create': { writes: true },
  'quarkus:quickstart:clone': { writes: true },
  'terasky:spring-initializer': { writes: true },
  'pulumi:new': { writes: true },
  'pulumi:destroy': { reads: true },
  'pulumi:preview': { reads: true },
  'pulumi:up': { reads: true },
  'azure:repo:clone': { writes: true, writesTo: 'targetPath' },
  'azure:repository:clone': { writes: true, writesTo: 'targetPath' },
  'workspace:template': { reads: true, writes: true },
  'workspace:template:file': { reads: true, writes: true },
  'catalog:write': { writes: true, writesTo: 'filePath' },
  'catalog:annotate': { reads: true, writes: true },
  'catalog:scaffolded-from': { reads: true, writes: true },
  'catalog:template:version': { reads: true, writes: true },
  'catalog:timestamping': { reads: true, writes: true },
  'fs:readdir': { reads: true },
  'fs:*': { reads: true, writes: true },

  'publish:bitbucketCloud:pull-request': { reads: true, unguarded: true },
  'publish:bitbucketServer': {
    reads: true,
    readsFrom: 'sourcePath',
    unguarded: true,
  },
  'publish:bitbucketServer:pull-request': { reads: true, unguarded: true },
  'publish:gerrit': { reads: true, readsFrom: 'sourcePath', unguarded: true },
  'publish:gerrit:review': {
    reads: true,
    readsFrom: 'sourcePath',
    unguarded: true,
  },
  'publish:gitea': { reads: true, readsFrom: 'sourcePath', unguarded: true },
  'publish:gitlab': { reads: true, readsFrom: 'sourcePath', unguarded: true },
  // The others guard what they do. So may those of your own, which are known to read the workspace by their name alone.
  'publish:*': { reads: true, readsFrom: 'sourcePath' },
  'github:repo:push': { reads: true, readsFrom: 'sourcePath' },
  'gitlab:repo:push': { reads: true, readsFrom: 'sourcePath' },
  'azure:repo:push': { reads: true, readsFrom: 'sourcePath' },
  'azure:repository:push': { reads: true, readsFrom: 'sourcePath' },

  'azure:pipeline:create': { unguarded: true },
  'azure:pipeline:run': { unguarded: true },
  'azure:pr:create': { unguarded: true },
  'azure:repo:pr': { unguarded: true },
  'bitbucket:pipelines:run': { unguarded: true },
  'bitbucketCloud:branchRestriction:create': { unguarded: true },
  'jenkins:job:build': { unguarded: true },
  'jenkins:job:copy': { unguarded: true },
  'kubernetes:create-namespace': { unguarded: true },
  'opa:createRepoAccessToken:gitlab': { unguarded: true },
  'quay:create-repository': { unguarded: true },
  'servicenow:now:table:createRecord': { unguarded: true },
  'sonarqube:create-project': { unguarded: true },
  'http:backstage:request': {
    unguarded: true,
    harmlessWith: ({ method, idempotencyKey }) =>
      ['GET', 'HEAD', 'OPTIONS'].includes(String(method)) ||
      Boolean(idempotencyKey),
  },

  'roadiehq:aws:ecr:create': { unguarded: true },
  'roadiehq:aws:s3:cp': { reads: true, readsFrom: 'path' },
  'roadiehq:utils:fs:parse': { reads: true, readsFrom: 'path' },
  'roadiehq:utils:fs:write': { writes: true, writesTo: 'path' },
  'roadiehq:utils:fs:*': { reads: true, writes: true },
  'roadiehq:utils:json:merge': { reads: true, writes: true },
  'roadiehq:utils:jsonata:json:transform': { reads: true, readsFrom: 'path' },
  'roadiehq:utils:jsonata:yaml:transform': { reads: true, readsFrom: 'path' },
  'roadiehq:utils:merge': { reads: true, writes: true },
  'roadiehq:utils:zip': { reads: true, writes: true },
};

/** What is known of a step. Nothing if neither list has its action. */
export function traitsOf(
  { action, input }: { action?: string; input?: unknown },
  configured: Record<string, ActionTraits> = {},
): StepTraits | undefined {
  if (action === undefined) {
    return undefined;
  }
  const described = find(action, configured);
  if (described) {
    return described;
  }
  const known = find(action, KNOWN_ACTIONS);
  if (!known) {
    return undefined;
  }
  const given = isBlock(input) ? input : {};
  const { harmlessWith, readsFrom, writesTo, ...traits } = known;
  const place = (key?: string) => {
    const value = key === undefined ? undefined : given[key];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    ...traits,
    unguarded: traits.unguarded && !harmlessWith?.(given),
    readsFrom: place(readsFrom),
    writesTo: place(writesTo),
  };
}

function find<T>(action: string, known: Record<string, T>): T | undefined {
  const name = Object.keys(known).find(pattern => fits(action, pattern));
  return name === undefined ? undefined : known[name];
}

function fits(action: string, pattern: string): boolean {
  if (pattern.startsWith('*')) {
    return action.endsWith(pattern.slice(1));
  }
  return pattern.endsWith('*')
    ? action.startsWith(pattern.slice(0, -1))
    : action === pattern;
}
