import { Knex } from 'knex';
import { whereHandedOver } from '../../../src/database/operations/interrupted/interrupted';
import { TASKS } from '../../../src/scaffolder/tables';
import { TIMEOUTS } from '../../harness/inProcess/createPass';
import { Databases, settle } from '../Databases';
import { fillInterrupted, fillStrategies } from './fill';
import { Way } from '../passes/ways';

const PLAIN = 'interrupted_plain';
const WITH_MODULE = 'interrupted_module';
const MEASURED = 'measured';

/** A set of interrupted tasks that can be recovered over and over, since each time a copy of it is used. */
export class InterruptedTasks {
  private constructor(
    private readonly databases: Databases,
    private readonly count: number,
  ) {}

  static async create(
    databases: Databases,
    options: { count: number; specBytes?: number },
  ): Promise<InterruptedTasks> {
    const plain = await databases.create(PLAIN);
    await fillInterrupted(plain, options);
    await settle(plain);
    const withModule = await databases.copyWithModule(PLAIN, WITH_MODULE);
    await fillStrategies(withModule);
    await settle(withModule);
    return new InterruptedTasks(databases, options.count);
  }

  /**
   * Recovers a copy of the tasks. The built-in gets tables without the module's index, which would cost it a little.
   *
   * @param recover - recovers all tasks of the database with the given name, and tells how many that were
   */
  async recoverCopy<T extends { recovered: number }>(
    way: Way,
    recover: (name: string) => Promise<T>,
  ): Promise<T> {
    const { databases } = this;
    const from = way === 'built-in' ? PLAIN : WITH_MODULE;
    const knex = await databases.copy(from, MEASURED);
    await knex.raw('checkpoint');
    const result = await recover(MEASURED);
    await this.#check(way, result.recovered);
    await databases.drop(MEASURED);
    return result;
  }

  async drop(): Promise<void> {
    await this.databases.drop(PLAIN, WITH_MODULE);
  }

  /** A way that left tasks behind has not been measured. */
  async #check(way: Way, recovered: number): Promise<void> {
    const knex = this.databases.open(MEASURED);
    const count = async (tasks: Knex.QueryBuilder) =>
      Number((await tasks.count({ count: '*' }))[0].count);
    const open = await count(knex(TASKS).where('status', 'open'));
    // At a start the module hands over a few of them.
    const handedOver =
      way === 'built-in'
        ? 0
        : await count(knex(TASKS).modify(whereHandedOver, knex, TIMEOUTS));
    if (recovered !== this.count || open + handedOver !== this.count) {
      throw new Error(
        `${way} recovered ${recovered} of ${this.count} tasks; ${open} are open and ${handedOver} handed over`,
      );
    }
  }
}
