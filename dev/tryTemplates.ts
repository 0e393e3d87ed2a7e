/*
 * Runs templates on real backends, once without interruption and once for each step in which the backend is killed and its disk lost, and
 * compares what came of them. File actions are real; all others are replaced by one that notes its input and the files that it finds.
 * Exits with 1 if a template is not right in all its steps with this module and the strategy `idempotent`, or could not be tried.
 */
import path from 'node:path';
import { say } from './harness/command/clock';
import { runCommand, select, UsageError } from './harness/command/runCommand';
import { PostgresProcess } from './harness/postgres/PostgresProcess';
import { prepareTemplates } from './tryTemplates/prepare';
import { formatReport, isWell, Report, toJson } from './tryTemplates/report';
import { tryWay } from './tryTemplates/tryWay';
import { MODULE, USUAL_WAYS, WAYS } from './tryTemplates/ways';

const FORMATS = ['text', 'json'];
const ENGINES = ['sqlite', 'postgres'];

/** @throws UsageError */
function readBatch(text: string): number {
  const batch = Number(text);
  if (!(Number.isInteger(batch) && batch > 0)) {
    throw new UsageError(
      `--batch is '${text}'; expected a whole number above 0`,
    );
  }
  return batch;
}

void runCommand({
  name: 'templates',
  usage: `npm run templates -- <folder> [--ways module,restart] [--only my-template] [--engine sqlite] [--filters a,b] [--batch N] [--format text]

  <folder>   is searched for templates, with the skeletons that they fetch. It is only read
  --ways     what recovers the tasks, by default ${USUAL_WAYS.join()}: ${WAYS.map(w => w.name).join()}
  --only     some of the templates only, by their names
  --engine   the database of the backends: sqlite (default) or postgres
  --filters  filters of templates that a backend of yours adds. They are replaced by ones that change nothing
  --batch N  how many tasks are interrupted at once (default 120)
  --format   text (default) or json`,
  options: {
    ways: { type: 'string', default: USUAL_WAYS.join() },
    only: { type: 'string' },
    engine: { type: 'string', default: 'sqlite' },
    filters: { type: 'string', default: '' },
    batch: { type: 'string', default: '120' },
    format: { type: 'string', default: 'text' },
  },
  takesOperands: true,
  async run(values, { directory, asked, operands }) {
    const [folder, ...others] = operands;
    if (!folder || others.length > 0) {
      throw new UsageError(
        `${operands.length} folders are given; expected one, which has the templates`,
      );
    }
    const ways = select('--ways', values.ways, WAYS, w => w.name);
    const [engine] = select('--engine', values.engine, ENGINES, e => e);
    const [format] = select('--format', values.format, FORMATS, f => f);
    const batch = readBatch(values.batch);
    const isText = format === 'text';

    // npm runs this in the folder of the package.
    const from = path.resolve(process.env.INIT_CWD ?? '.', folder);
    const copy = path.join(directory, 'templates');
    const { templates: found, leftOut } = await prepareTemplates(from, copy);
    const templates = select('--only', values.only, found, t => t.name);
    const report: Report = {
      folder: from,
      templates: templates.length,
      leftOut,
      results: [],
    };
    if (templates.length === 0) {
      throw new UsageError(`${from} has no template that can be tried`);
    }
    const server =
      engine === 'postgres' ? await PostgresProcess.start() : undefined;
    try {
      for (const way of ways) {
        report.results.push(
          await tryWay(way, templates, {
            server,
            batch,
            filters: values.filters,
            asked,
            say: isText ? say : () => {},
          }),
        );
      }
    } finally {
      await server?.stop();
    }
    console.log(
      isText
        ? `\n${formatReport(report)}\n`
        : JSON.stringify(toJson(report), null, 2),
    );
    return report.results.every(r => r.way.name !== MODULE.name || isWell(r));
  },
});
