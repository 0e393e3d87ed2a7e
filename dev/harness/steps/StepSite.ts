import { JsonObject } from '@backstage/types';
import path from 'node:path';
import { BackendOptions, BackendProcess } from '../backend/BackendProcess';
import { PostgresProcess } from '../postgres/PostgresProcess';
import { templateEntity } from '../templateEntity';
import { Engine, TestSite } from '../TestSite';

/** A template of test steps: the fields of each, and what its action is to do. */
export type StepTemplate = {
  name: string;
  recovery?: JsonObject;
  /** With the scaffolder's legacy strategy, for which it keeps secrets in any case. */
  isLegacy?: boolean;
  steps: (JsonObject & { id: string; does?: JsonObject })[];
};

/** A step that began: as what it is noted, and which files it found, with their contents and modes in `tree` (see `readTree`). */
type BegunStep = {
  name: string;
  files: string[];
  tree: Record<string, string>;
  show?: string;
};

/** Backends with templates of test steps. */
export class StepSite {
  private constructor(readonly site: TestSite) {}

  /** @param server - the PostgreSQL server to use instead of the one that all tests share */
  static async create(
    engine: Engine,
    templates: StepTemplate[],
    server?: Pick<PostgresProcess, 'connection'>,
  ): Promise<StepSite> {
    const entities = templates.map(({ isLegacy, steps, ...template }) =>
      templateEntity({
        ...template,
        ...(isLegacy && { legacy: 'startOver' }),
        steps: steps.map(({ does, ...step }) => ({
          action: 'test:step',
          input: { name: step.id, ...does },
          ...step,
        })),
      }),
    );
    return new StepSite(await TestSite.create(engine, server, entities));
  }

  /**
   * @param options.hasModule - whether it has the module that is tested. It has unless said otherwise
   * @param options.isBare - whether `scaffolder` is all that is configured of it, without the shorter timeout of the tests
   */
  async createBackend(
    name: string,
    scaffolder: JsonObject = {},
    options: Pick<BackendOptions, 'entry' | 'installation'> & {
      hasModule?: boolean;
      isOwnHost?: boolean;
      config?: JsonObject;
      database?: JsonObject;
      isBare?: boolean;
    } = {},
  ): Promise<BackendProcess> {
    const { hasModule = true, ...rest } = options;
    const entry = hasModule ? 'withModule.ts' : 'withoutModule.ts';
    return this.site.createBackend(
      name,
      rest.isBare
        ? scaffolder
        : { recoverTasksTimeout: { seconds: 5 }, ...scaffolder },
      { entry: path.join(__dirname, entry), ...rest },
    );
  }

  /** The steps of a task that began, in their order. */
  begun(taskId: string): BegunStep[] {
    return this.site
      .journal(taskId)
      .filter(e => e.kind === 'begin')
      .map(({ stepId, found }) => ({ name: stepId, ...found! }));
  }

  /** How often each step of a task began. */
  counts(taskId: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { name } of this.begun(taskId)) {
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  async remove(): Promise<void> {
    await this.site.remove();
  }
}
