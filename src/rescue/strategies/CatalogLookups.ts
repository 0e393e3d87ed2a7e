import { AuthService, LoggerService } from '@backstage/backend-plugin-api';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { BatchErrors } from '../batch/partialFailure/BatchErrors';
import { TIMED_OUT, withTimeout } from '../../util/withTimeout';
import { batchOrEach } from '../batch/partialFailure/batchOrEach';

/** A catalog that takes longer counts as unreachable. */
const LOOKUP_TIMEOUT_MS = 10_000;

/** How many templates are asked for in one request. */
const REFS_AT_ONCE = 100;

/** After so many templates that the catalog refuses one by one, no more are asked for. A request can fail for a single one. */
const MOST_FAILURES = 3;

/** All that is read of a template, whose steps can be large. */
const FIELDS = ['kind', 'spec.recovery', 'spec.EXPERIMENTAL_recovery'];

/**
 * Looks up templates in the catalog, each once. When the catalog did not answer in time, or refuses whatever it is asked for, nothing
 * more is asked: one that hangs costs one time limit, however many templates there are.
 */
export class CatalogLookups {
  /** Why templates could not be looked up, if so. */
  failure: Error | undefined;
  #isHanging = false;
  #failures = 0;
  readonly #asked = new Set<string>();
  readonly #specs = new Map<string, Record<string, unknown> | undefined>();

  constructor(
    private readonly options: {
      catalog: CatalogService;
      auth: AuthService;
      logger: LoggerService;
      batchErrors: BatchErrors;
      /** For tests. */
      timeoutMs?: number;
    },
  ) {}

  /** Looks up those templates that were not looked up before. */
  async lookUp(templateRefs: string[]): Promise<void> {
    const refs = [...new Set(templateRefs.map(normalized))].filter(
      ref => !this.#asked.has(ref),
    );
    const isToGoOn = () => !this.#isHanging && this.#failures < MOST_FAILURES;
    for (let i = 0; i < refs.length && isToGoOn(); i += REFS_AT_ONCE) {
      await batchOrEach(
        refs.slice(i, i + REFS_AT_ONCE),
        some => this.#askFor(some),
        {
          isToGoOn,
          onError: (_, error) => {
            this.#failures += 1;
            this.failure = error;
          },
          batchErrors: this.options.batchErrors,
        },
      );
    }
  }

  /**
   * The spec of a template: nothing if the catalog has no such template, and an empty one if the template sets nothing about recovery.
   *
   * @returns nothing if it could not be looked up.
   */
  result(
    templateRef: string,
  ): { spec: Record<string, unknown> | undefined } | undefined {
    const ref = normalized(templateRef);
    return this.#specs.has(ref) ? { spec: this.#specs.get(ref) } : undefined;
  }

  async #askFor(refs: string[]): Promise<void> {
    refs.forEach(ref => this.#asked.add(ref));
    const { catalog, auth, timeoutMs = LOOKUP_TIMEOUT_MS } = this.options;
    const answer = await withTimeout(
      timeoutMs,
      auth
        .getOwnServiceCredentials()
        .then(credentials =>
          catalog.getEntitiesByRefs(
            { entityRefs: refs, fields: FIELDS },
            { credentials },
          ),
        ),
    );
    if (answer === TIMED_OUT) {
      this.#isHanging = true;
      this.failure = new Error(
        `The catalog did not answer within ${timeoutMs} ms`,
      );
      return;
    }
    refs.forEach((ref, i) => {
      const template = answer.items[i];
      this.#specs.set(ref, template && (template.spec ?? {}));
    });
  }
}

/** As `stringifyEntityRef` writes it: asked for several at once, the catalog takes references as they are. */
function normalized(templateRef: string): string {
  return templateRef.toLocaleLowerCase('en-US');
}
