import { Knex } from 'knex';
import fs from 'node:fs/promises';
import path from 'node:path';
import { StepSite, StepTemplate } from '../../../dev/harness/steps/StepSite';
import { ENGINES } from '../../../dev/harness/TestSite';
import { PACKS } from '../../database/tables';
import { withSite } from '../__testUtils__/withSite';
import { TASKS } from '../../scaffolder/tables';

jest.setTimeout(300_000);

const PAGE = path.resolve(
  __dirname,
  '../../../docs/before-you-switch-it-on.md',
);

const recovery = { strategy: 'idempotent' };

const TEMPLATES: StepTemplate[] = [
  {
    name: 'hangs',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', does: { hangs: 1 } },
    ],
  },
  {
    name: 'fails',
    recovery,
    steps: [
      { id: 'a', does: { write: 'of-a' } },
      { id: 'b', does: { fails: 1 } },
    ],
  },
  { name: 'plain', steps: [{ id: 'a' }] },
];

/** The statements of that block of the page which begins so. */
async function statementsOfPage(beginning: string): Promise<string[]> {
  const blocks = (await fs.readFile(PAGE, 'utf8')).split('```');
  const sql = blocks.find(block => block.startsWith(`sql\n${beginning}`));
  return sql!
    .slice('sql\n'.length)
    .split(';')
    .filter(statement => statement.trim());
}

/** All that bears the module's name in the scaffolder's database, rows of the scheduler included. */
async function listOwn(knex: Knex, engine: string): Promise<string[]> {
  const objects: string[] =
    engine === 'SQLite'
      ? await knex('sqlite_master').pluck('name')
      : await knex('pg_class').pluck('relname');
  const scheduled = await knex('backstage_backend_tasks__tasks').pluck('id');
  return [...objects, ...scheduled].filter(name =>
    /scaffolder[_-]recovery/.test(name),
  );
}

describe('a module that is switched off', () => {
  it.concurrent.each(ENGINES)(
    'leaves on %s what the page says, which its statements remove',
    engine =>
      withSite(StepSite.create(engine, TEMPLATES), async site => {
        const on = await site.createBackend('on');
        let client = await on.start();
        const dispatch = async (name: string, hasEnd = true) => {
          const id = await client.dispatch(`template:default/${name}`, {}, {});
          await (hasEnd ? client.waitForEnd(id) : client.waitForStep(id, 'b'));
          return id;
        };
        const failed = await dispatch('fails');
        const [running, queued, old] = [
          await dispatch('hangs', false),
          await dispatch('hangs', false),
          await dispatch('hangs', false),
        ];
        await on.kill();

        const knex = site.site.openScaffolderDatabase();
        const tasksWithFiles = () => knex(PACKS).distinct().pluck('task_id');
        expect((await tasksWithFiles()).sort()).toEqual(
          [failed, running, queued, old].sort(),
        );
        await knex(TASKS).where('id', queued).update({ status: 'open' });
        await knex(TASKS).where('id', old).update({ last_heartbeat_at: null });
        const [age] = await statementsOfPage(
          'update tasks set last_heartbeat_at',
        );
        // The other one is to be left.
        await knex.raw(`${age} and id = ?`, [old]);
        const [size] = await statementsOfPage('select relname');
        const sized =
          engine === 'SQLite'
            ? [{ relname: PACKS }]
            : (await knex.raw(size)).rows;
        expect(sized).toContainEqual(
          expect.objectContaining({ relname: PACKS }),
        );

        const off = await site.createBackend('off', { recoverTasks: false });
        client = await off.start();
        // Not by their strategy any more: those in the queue and retries run all steps.
        expect((await client.waitForEnd(queued)).status).toBe('completed');
        expect(site.counts(queued)).toEqual({ a: 2, b: 2 });
        await client.retry(failed);
        expect((await client.waitForEnd(failed)).status).toBe('completed');
        expect(site.counts(failed)).toEqual({ a: 2, b: 2 });
        await client.triggerSchedule('close_stale_tasks');
        expect((await client.waitForEnd(old)).status).toBe('failed');
        expect(await knex(TASKS).where('id', old).first()).toMatchObject({
          secrets: null,
          state: expect.stringContaining('completed'),
        });
        expect(await knex(TASKS).where('id', running).first()).toMatchObject({
          status: 'processing',
          secrets: expect.any(String),
        });
        expect(await tasksWithFiles()).toHaveLength(4);
        expect(await listOwn(knex, engine)).toContain(
          'scaffolder-recovery:delete-snapshots',
        );

        // While it runs.
        for (const statement of [
          ...(await statementsOfPage('drop index')),
          ...(await statementsOfPage('update tasks set state')),
        ]) {
          await knex.raw(statement);
        }
        expect(await listOwn(knex, engine)).toEqual([]);
        expect(site.counts(await dispatch('plain'))).toEqual({ a: 1 });
        await off.kill();

        const without = await site.createBackend(
          'without',
          { recoverTasks: false },
          { hasModule: false },
        );
        client = await without.start();
        expect(site.counts(await dispatch('plain'))).toEqual({ a: 1 });
        expect((await client.task(running)).status).toBe('processing');
        await without.kill();

        // It has forgotten the files, not the task.
        client = await (await site.createBackend('again')).start();
        expect((await client.waitForEnd(running)).status).toBe('completed');
        expect(site.counts(running)).toEqual({ a: 2, b: 2 });
      }),
  );
});
