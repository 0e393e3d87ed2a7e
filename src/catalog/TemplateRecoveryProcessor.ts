import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { InputError } from '@backstage/errors';
import { CatalogProcessor } from '@backstage/plugin-catalog-node';
import { isTemplate } from '../template/isTemplate';
import { validateTemplate } from '../template/validateTemplate';

/** So many are named at once. The catalog logs and stores the error. */
const MOST_PROBLEMS = 20;

/**
 * Refuses templates whose recovery blocks are invalid, so that their authors learn of it when they write them and not when a
 * backend has died. The catalog shows the error at the template, and keeps what it had of it before.
 */
export class TemplateRecoveryProcessor implements CatalogProcessor {
  getProcessorName(): string {
    return 'TemplateRecoveryProcessor';
  }

  async preProcessEntity(entity: Entity): Promise<Entity> {
    if (isTemplate(entity)) {
      const problems = validateTemplate(entity.spec);
      if (problems.length > 0) {
        const first = problems.slice(0, MOST_PROBLEMS);
        const more = problems.length - first.length;
        throw new InputError(
          [
            `The recovery of ${stringifyEntityRef(entity)} is invalid.`,
            ...first.map(p => `${p.message}.`),
            ...(more > 0 ? [`There are ${more} more such problems.`] : []),
          ].join(' '),
        );
      }
    }
    return entity;
  }
}
