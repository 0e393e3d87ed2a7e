import { LoggerService } from '@backstage/backend-plugin-api';
import { listInterruptedTasks } from '../../../src/database/operations/interrupted/listInterruptedTasks';
import { createBuiltIn } from '../../harness/inProcess/builtIn';
import {
  createPass,
  TIMEOUT_SECONDS,
  TIMEOUTS,
} from '../../harness/inProcess/createPass';
import { Databases, settle } from '../Databases';
import { fillFinished } from '../tasks/fill';
import { Measured, mediansOf } from '../measure';
import { formatMs, formatRatio, Report, Row } from '../report';

const SIZES = [1_000, 30_000, 300_000];

const MAX_GROWTH = 2;
const MIN_GAIN = 50;

/** What a pass costs that finds nothing to do, on tables of several sizes. */
export async function measureIdlePass(
  databases: Databases,
  logger: LoggerService,
): Promise<Report> {
  const measured: Record<string, Measured> = {};
  for (const size of SIZES) {
    Object.assign(measured, await prepare(databases, logger, size));
  }
  const times = await mediansOf(measured);
  for (const size of SIZES) {
    await databases.drop(`plain_${size}`, `module_${size}`);
  }
  return reportOf(times);
}

/** What is measured on a table of one size. */
async function prepare(
  databases: Databases,
  logger: LoggerService,
  size: number,
): Promise<Record<string, Measured>> {
  const filled = await databases.create(`plain_${size}`);
  await fillFinished(filled, size);
  await settle(filled);
  const knex = await databases.copyWithModule(
    `plain_${size}`,
    `module_${size}`,
  );
  await settle(knex);

  const plain = databases.open(`plain_${size}`);
  const builtIn = await createBuiltIn(plain, logger);
  const pass = await createPass(knex, logger);
  return {
    [`pass ${size}`]: {
      runs: 300,
      // What `RecoveryLoop` does every second.
      run: () => pass.runOnce(),
    },
    [`list ${size}`]: {
      runs: 300,
      run: () => listInterruptedTasks(knex, TIMEOUTS, { limit: 100 }),
    },
    [`built-in ${size}`]: {
      runs: 50,
      run: () =>
        builtIn.recoverTasks({ timeout: { seconds: TIMEOUT_SECONDS } }),
    },
  };
}

function reportOf(times: Record<string, number>): Report {
  const rowOf = (what: string, size: number): Row => {
    const module = times[`${what} ${size}`];
    const builtIn = times[`built-in ${size}`];
    return {
      what: `${what}, ${size.toLocaleString('en')} finished tasks`,
      module: formatMs(module),
      builtIn: formatMs(builtIn),
      ratio: formatRatio(module / builtIn),
    };
  };
  const [smallest, largest] = [SIZES[0], SIZES[SIZES.length - 1]];
  const growth = times[`pass ${largest}`] / times[`pass ${smallest}`];
  const gain = times[`built-in ${largest}`] / times[`pass ${largest}`];
  return {
    title: '(a) A pass with nothing to do',
    notes: [
      'Finished tasks with specs of 2 KB. The built-in has the table as the scaffolder leaves it, without the index.',
      'pass: a pass of the module, as every second. list: the query for interrupted tasks alone. Medians.',
    ],
    rows: [
      ...SIZES.map(size => rowOf('pass', size)),
      ...SIZES.map(size => rowOf('list', size)),
      {
        what: 'pass, the largest table against the smallest',
        module: `${growth.toFixed(2)} times`,
        builtIn: `${(
          times[`built-in ${largest}`] / times[`built-in ${smallest}`]
        ).toFixed(0)} times`,
        ratio: '',
        accepted: `module at most ${MAX_GROWTH} times`,
        ok: growth <= MAX_GROWTH,
      },
      {
        what: 'pass, the largest table against the built-in',
        module: '',
        builtIn: '',
        ratio: `1/${gain.toFixed(0)}`,
        accepted: `at most 1/${MIN_GAIN}`,
        ok: gain >= MIN_GAIN,
      },
    ],
  };
}
