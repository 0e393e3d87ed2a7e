import { JsonObject } from '@backstage/types';
import fs from 'node:fs/promises';
import path from 'node:path';
import {
  BackendProcess,
  Installation,
} from '../../../dev/harness/BackendProcess';
import { PostgresProcess } from '../../../dev/harness/PostgresProcess';
import { ENGINES, TestSite } from '../TestSite';
import { BegunStep, StepJournal } from './StepJournal';

/** A template of test steps: the fields of each, and what its action is to do. */
export type StepTemplate = {
  name: string;
  recovery?: JsonObject;
  /** With the scaffolder's legacy strategy, for which it keeps secrets in any case. */
  isLegacy?: boolean;
  steps: (JsonObject & { id: string; does?: JsonObject })[];
};

/** Backends with templates of test steps. */
export class StepSite {
  readonly #journal: StepJournal;

  private constructor(readonly site: TestSite) {
    this.#journal = new StepJournal(path.join(site.directory, 'journal'));
  }

  /** @param server - the PostgreSQL server to use instead of the one that all tests share */
  static async create(
    engine: (typeof ENGINES)[number],
    templates: StepTemplate[],
    server?: PostgresProcess,
  ): Promise<StepSite> {
    const site = await TestSite.create(engine, server);
    const directory = path.join(site.directory, 'templates');
    await fs.mkdir(directory);
    for (const template of templates) {
      await fs.writeFile(
        path.join(directory, `${template.name}.yaml`),
        JSON.stringify(entityOf(template)),
      );
    }
    return new StepSite(site);
  }

  /**
   * @param options.hasModule - whether it has the module that is tested. The default is true
   * @param options.entry - what to run instead
   * @param options.installation - where that has its packages, if not here
   * @param options.isBare - without the shorter timeout of the tests
   */
  async createBackend(
    name: string,
    scaffolder: JsonObject = {},
    options: {
      hasModule?: boolean;
      isOwnHost?: boolean;
      baseConfig?: string;
      entry?: string;
      installation?: Installation;
      isBare?: boolean;
    } = {},
  ): Promise<BackendProcess> {
    const { hasModule = true, isOwnHost, baseConfig, isBare } = options;
    const {
      entry = path.join(
        __dirname,
        hasModule ? 'withModule.ts' : 'withoutModule.ts',
      ),
      installation,
    } = options;
    return this.site.createBackend(
      name,
      isBare
        ? scaffolder
        : { recoverTasksTimeout: { seconds: 5 }, ...scaffolder },
      {
        entry,
        installation,
        isOwnHost,
        baseConfig,
        config: {
          catalog: {
            locations: [
              {
                type: 'file',
                target: path.join(this.site.directory, 'templates/*.yaml'),
              },
            ],
          },
          test: { journal: path.join(this.site.directory, 'journal') },
        },
      },
    );
  }

  /** The steps of a task that began, in their order. */
  begun(taskId: string): BegunStep[] {
    return this.#journal.of(taskId);
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

function entityOf(template: StepTemplate): JsonObject {
  const { name, recovery, isLegacy, steps } = template;
  return {
    apiVersion: 'scaffolder.backstage.io/v1beta3',
    kind: 'Template',
    metadata: { name },
    spec: {
      type: 'test',
      owner: 'guests',
      ...(recovery && { recovery }),
      ...(isLegacy && {
        EXPERIMENTAL_recovery: { EXPERIMENTAL_strategy: 'startOver' },
      }),
      parameters: [],
      steps: steps.map(({ does, ...step }) => ({
        name: step.id,
        action: 'test:step',
        input: { name: step.id, ...does },
        ...step,
      })),
    },
  };
}
